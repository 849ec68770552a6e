-- Prints how many quotes one statement made, the seconds it took, those of the processor, lines in all, and what was taken
-- off in percent.
SELECT clock_timestamp() AS begun, bench.clock() AS begun_working \gset
SELECT count(*) AS quotes, sum(jsonb_array_length(c.lines)) AS lines,
    round(100.0 * sum((c.answer #>> '{discount,minor}')::bigint) / sum((c.answer #>> '{subtotal,minor}')::bigint), 1) AS percent
    FROM (SELECT lines, commerce.quote(lines) AS answer FROM bench.carts, generate_series(1, :quotes / (SELECT count(*) FROM bench.carts WHERE kind = 'retail') + 1)
        WHERE kind = 'retail' LIMIT :quotes) c \gset
SELECT :quotes, extract(epoch FROM clock_timestamp() - :'begun'), bench.clock() - :begun_working, :lines, :percent;
