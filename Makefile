# commerce: a shop inside PostgreSQL.
#
#   make demo      run a real shop on three days of real invoices
#   make test      every check and test; ends with "N passed, N failed"
#   make model     a thousand million steps of the escrow engine's model checker
#   make && make install && make installcheck      on a server of your own

EXTENSION = commerce
# Not VERSION: the server's own makefiles set that to the server's.
COMMERCE_VERSION := $(shell sed -n "s/^default_version = '\(.*\)'/\1/p" commerce.control)

MODULE_big = commerce
ROOMS = base audit escrow money rule promotion budget balance inventory pricing privacy outbox order
SCRIPT = $(EXTENSION)--$(COMMERCE_VERSION).sql
DATA_built = $(SCRIPT)

GENERATED = src/rule/rule_gram.c src/rule/rule_scan.c
OBJS = src/commerce.o \
	$(patsubst %.c,%.o,$(sort $(filter-out $(GENERATED),$(wildcard $(ROOMS:%=src/%/*.c))) $(GENERATED)))
MIGRATIONS = $(sort $(wildcard sql/shop/*.sql))
EXTRA_CLEAN = $(GENERATED) src/rule/rule_gram.h src/base/migrations.inc $(SCRIPT) \
	$(OBJS:.o=.d) tmp/built-for results output_iso regression.diffs regression.out

REGRESS = $(patsubst test/sql/%.sql,%,$(sort $(wildcard test/sql/*.sql)))
REGRESS_OPTS = --inputdir=test --load-extension=commerce
ISOLATION = $(patsubst test/isolation/specs/%.spec,%,$(sort $(wildcard test/isolation/specs/*.spec)))
ISOLATION_OPTS = --inputdir=test/isolation --load-extension=commerce

PG_CPPFLAGS = -Isrc -MMD -MP
PG_CFLAGS = -Wextra -Werror -Wno-declaration-after-statement
SHLIB_LINK = -lsodium -lcurl

# LLVM bitcode would double the build for functions that are never inlined into a query.
override with_llvm = no

PG_CONFIG ?= pg_config
ifeq ($(shell command -v $(PG_CONFIG) 2>/dev/null),)
# Without server headers only the targets that install them make sense.
all install installcheck: ; @echo "$(PG_CONFIG) not found: 'make packages' installs what a build needs" >&2; exit 1
clean: ;
else
PGXS := $(shell $(PG_CONFIG) --pgxs)
include $(PGXS)
endif

-include $(OBJS:.o=.d)

# A symbol that does not begin with commerce_ could collide with another library's in the server.
all: exports
.PHONY: exports
exports: $(shlib)
	@strange=$$(nm -D --defined-only $< | awk '{ print $$3 }' | grep -vE '^(commerce_.*|pg_finfo_commerce_.*|_PG_init|Pg_magic_func|_init|_fini)$$'); \
	    [ -z "$$strange" ] || { echo "$< exports $$strange: make it static or call it commerce_…" >&2; exit 1; }

# The scripts of each room, in the order in which rooms build on each other; access comes last, because it looks
# at everything created before it.
SCRIPT_PARTS = $(foreach room,$(ROOMS) report access,$(sort $(wildcard sql/$(room)/*.sql)))

$(SCRIPT): $(SCRIPT_PARTS) commerce.control
	@{ printf '%s\n' '\echo Use "CREATE EXTENSION commerce" to load this file. \quit'; \
	   for part in $(SCRIPT_PARTS); do printf '\n-- %s\n\n' $$part; cat $$part; done; } > $@.part && mv $@.part $@

# The migrations travel inside the library, so that library and shop can never be of different minds.
src/base/migrations.inc: $(MIGRATIONS)
	@for part in $(MIGRATIONS); do \
	    name=$$(basename $$part .sql); \
	    printf '{%d, "%s",\n' "$$(expr "$${name%%_*}" + 0)" "$${name#*_}"; \
	    sed -e 's/\\/\\\\/g' -e 's/"/\\"/g' -e 's/^/"/' -e 's/$$/\\n"/' $$part; \
	    printf '},\n'; \
	done > $@.part && mv $@.part $@
src/base/migrations.o: src/base/migrations.inc

# One run of bison makes both: what a pattern rule with two targets says.
src/rule/%_gram.c src/rule/%_gram.h: src/rule/%_gram.y
	bison -Wno-deprecated -Werror -d -o src/rule/$*_gram.c $<
src/rule/rule_scan.c: src/rule/rule_scan.l
	flex -o $@ $<
$(patsubst %.c,%.o,$(wildcard src/rule/*.c)) src/rule/rule_scan.o: src/rule/rule_gram.h

.PHONY: packages demo bench test checks model shell test-matrix format
packages:
	@test/lib/packages
demo: ; @test/lib/demo
bench: ; @test/bench/run
test: ; @test/lib/run
checks: ; @test/checks/run
model: ; @STEPS=$${STEPS:-1000000000} test/model/run
shell: ; @test/lib/shell
test-matrix: ; @test/lib/matrix
format:
	clang-format -i $$(git ls-files 'src/*.c' 'src/*.h')
