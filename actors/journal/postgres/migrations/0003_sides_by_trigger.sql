-- Both sides of an assignment are looked for when one comes and when an entity goes. Foreign keys would need columns to
-- stand on, and to derive those made every change of every entity cost the database half as much again.
ALTER TABLE entities
    DROP COLUMN left_kind CASCADE,
    DROP COLUMN left_id CASCADE,
    DROP COLUMN right_kind CASCADE,
    DROP COLUMN right_id CASCADE;

-- What is assigned to an address is found by entities_name.
CREATE INDEX entities_assigned ON entities (name) WHERE kind = 'assignment';

-- It needs no lock on the sides: appends take turns, since each locks the row of its stream. Who restores rows alone has
-- another search path than the engine.
CREATE FUNCTION check_sides() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
    address text;
BEGIN
    FOREACH address IN ARRAY
        CASE TG_OP WHEN 'INSERT' THEN ARRAY[NEW.parent, NEW.name] ELSE ARRAY[OLD.kind || '/' || OLD.id] END
    LOOP
        IF EXISTS (
            SELECT FROM entities WHERE kind = 'assignment' AND name IS NOT NULL AND (parent = address OR name = address)
        ) AND NOT EXISTS (
            SELECT FROM entities
            WHERE kind = split_part(address, '/', 1) AND id = substr(address, strpos(address, '/') + 1)
        ) THEN
            RAISE foreign_key_violation USING MESSAGE = format('an assignment would lack its side %s', address);
        END IF;
    END LOOP;
    RETURN NULL;
END $$;

CREATE CONSTRAINT TRIGGER entities_with_sides AFTER INSERT ON entities
    DEFERRABLE INITIALLY IMMEDIATE FOR EACH ROW WHEN (NEW.kind = 'assignment') EXECUTE FUNCTION check_sides();
CREATE CONSTRAINT TRIGGER entities_not_missed AFTER DELETE ON entities
    DEFERRABLE INITIALLY IMMEDIATE FOR EACH ROW WHEN (OLD.kind <> 'assignment') EXECUTE FUNCTION check_sides();
