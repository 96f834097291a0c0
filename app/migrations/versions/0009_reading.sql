-- Reading the past. Both functions write nothing and see what the statement that calls them sees.

-- What every shard of an account held at `at`, and the seq of the newest entry booked until then. No row for
-- an account that was never opened. There is no index on the time of booking: it increases with seq, so that
-- halving the range of seq again and again finds any moment in the index that keeps seq unique.
CREATE FUNCTION shards_at(given_account_id bigint, at timestamptz)
RETURNS TABLE (account_id bigint, shard smallint, posted bigint, held bigint, seq bigint)
LANGUAGE plpgsql
STABLE
PARALLEL SAFE
SET search_path = public, pg_temp
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
AS $$
DECLARE
    line   record;
    middle record;
    probe  bigint;
    beyond bigint;
BEGIN
    account_id := given_account_id;
    FOR line IN
        SELECT balance.shard, balance.posted, balance.held, balance.seq, balance.last_at
        FROM balance
        WHERE balance.account_id = given_account_id
    LOOP
        shard := line.shard;
        IF line.last_at <= at THEN
            posted := line.posted;
            held := line.held;
            seq := line.seq;
        ELSE
            -- Entry `seq` is not after `at` (0 is before all of them), entry `beyond` is.
            posted := 0;
            held := 0;
            seq := 0;
            beyond := line.seq;
            WHILE beyond - seq > 1 LOOP
                probe := (seq + beyond) / 2;
                SELECT entry.created_at, entry.balance_after, entry.held_after
                INTO middle
                FROM entry
                WHERE entry.account_id = given_account_id
                    AND entry.shard = line.shard
                    AND entry.seq = probe;
                IF middle.created_at <= at THEN
                    seq := probe;
                    posted := middle.balance_after;
                    held := middle.held_after;
                ELSE
                    beyond := probe;
                END IF;
            END LOOP;
        END IF;
        RETURN NEXT;
    END LOOP;
END $$;

-- What an account held at `at`, by the time of booking: what was posted, how much of it was set aside, and the
-- number of its entries until then, which is its version. No row for an account that was never opened.
CREATE FUNCTION balance_at(account text, at timestamptz)
RETURNS TABLE (posted bigint, held bigint, version bigint)
LANGUAGE plpgsql
STABLE
PARALLEL SAFE
SET search_path = public, pg_temp
AS $$
DECLARE
    found_id bigint;
BEGIN
    SELECT named.id INTO found_id FROM account AS named WHERE named.name = balance_at.account;
    IF FOUND THEN
        RETURN QUERY
        SELECT
            coalesce(sum(line.posted), 0)::bigint,
            coalesce(sum(line.held), 0)::bigint,
            coalesce(sum(line.seq), 0)::bigint
        FROM shards_at(found_id, balance_at.at) AS line;
    END IF;
END $$;
