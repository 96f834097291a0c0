-- The roles of the house. They cannot log in: a login becomes a member of one of them. A role belongs to the
-- whole cluster, so another database of it may have made them before, or may be making them now.
DO $$
DECLARE
    wanted text;
BEGIN
    FOREACH wanted IN ARRAY ARRAY['pennyrail_api', 'pennyrail_worker'] LOOP
        CONTINUE WHEN EXISTS (SELECT FROM pg_roles WHERE rolname = wanted);
        BEGIN
            EXECUTE format('CREATE ROLE %I NOLOGIN', wanted);
        EXCEPTION
            WHEN duplicate_object OR unique_violation THEN
                NULL;
            WHEN insufficient_privilege THEN
                RAISE EXCEPTION 'the role % does not exist, and % may not create it', wanted, current_user
                USING
                    ERRCODE = 'PR008',
                    HINT = format(
                        'An administrator runs CREATE ROLE %I NOLOGIN, or gives %I the attribute CREATEROLE.',
                        wanted, current_user
                    );
        END;
    END LOOP;
END $$;
