-- What the gate saw in the pixels before a model was asked. All NULL where no gate looked.

ALTER TABLE report ADD COLUMN gate_id TEXT;
ALTER TABLE report ADD COLUMN gate_version TEXT;
ALTER TABLE report ADD COLUMN gate_class TEXT;
ALTER TABLE report ADD COLUMN gate_class_zh TEXT;
ALTER TABLE report ADD COLUMN gate_class_en TEXT;
-- Calibrated, 0 to 1.
ALTER TABLE report ADD COLUMN gate_probability REAL;
