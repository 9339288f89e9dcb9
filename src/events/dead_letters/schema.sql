-- One row for each event that could not be applied. `due` is null when it is tried again only by hand.
CREATE TABLE letters (id TEXT PRIMARY KEY, channel TEXT NOT NULL, received INTEGER NOT NULL, attempts INTEGER NOT NULL,
                      due INTEGER, bytes INTEGER NOT NULL, body TEXT NOT NULL) STRICT;
CREATE INDEX letters_due ON letters (due, received, id) WHERE due IS NOT NULL;
