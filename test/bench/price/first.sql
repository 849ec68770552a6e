-- The first quote of a session and warm ones. \timing prints a line for each statement.
\timing on
SELECT count(commerce.quote(lines)) FROM bench.carts WHERE kind = '10' AND number = 1;
SELECT count(commerce.quote(lines)) FROM bench.carts WHERE kind = '10' AND number = 1;
SELECT count(commerce.quote(lines)) FROM bench.carts WHERE kind = '10' AND number = 1;
SELECT count(commerce.quote(lines)) FROM bench.carts WHERE kind = '10' AND number = 1;
