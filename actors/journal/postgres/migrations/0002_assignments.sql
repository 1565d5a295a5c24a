-- An assignment (a tag's to a VM) has as parent the address of its left side and as name that of its right one: kind/id.
-- Neither side can go without it, nor can it come without one of them.
ALTER TABLE entities
    ADD COLUMN left_kind text COLLATE "C"
        GENERATED ALWAYS AS (CASE WHEN kind = 'assignment' THEN split_part(parent, '/', 1) END) STORED,
    ADD COLUMN left_id text COLLATE "C"
        GENERATED ALWAYS AS (CASE WHEN kind = 'assignment' THEN substr(parent, strpos(parent, '/') + 1) END) STORED,
    ADD COLUMN right_kind text COLLATE "C"
        GENERATED ALWAYS AS (CASE WHEN kind = 'assignment' THEN split_part(name, '/', 1) END) STORED,
    ADD COLUMN right_id text COLLATE "C"
        GENERATED ALWAYS AS (CASE WHEN kind = 'assignment' THEN substr(name, strpos(name, '/') + 1) END) STORED;

CREATE INDEX entities_by_left ON entities (left_kind, left_id) WHERE left_kind IS NOT NULL;
CREATE INDEX entities_by_right ON entities (right_kind, right_id) WHERE right_kind IS NOT NULL;

ALTER TABLE entities
    ADD CONSTRAINT entities_left FOREIGN KEY (left_kind, left_id) REFERENCES entities (kind, id)
        DEFERRABLE INITIALLY IMMEDIATE,
    ADD CONSTRAINT entities_right FOREIGN KEY (right_kind, right_id) REFERENCES entities (kind, id)
        DEFERRABLE INITIALLY IMMEDIATE;
