-- Everything the extension owns. Nothing here holds a row: tables and sequences are the user's. A new member changes this
-- list or the test fails, so that none is added unseen.
CREATE TEMP VIEW members AS
SELECT pg_describe_object(classid, objid, 0) COLLATE "C" AS member FROM pg_depend
WHERE refclassid = 'pg_extension'::regclass AND deptype = 'e'
    AND refobjid = (SELECT oid FROM pg_extension WHERE extname = 'commerce')
    -- Array types are members up to 16 and implied since.
    AND pg_describe_object(classid, objid, 0) NOT LIKE 'type %[]';

SELECT split_part(member, ' ', 1) AS kind, count(*) FROM members GROUP BY 1 ORDER BY 1;
SELECT member FROM members ORDER BY member;
