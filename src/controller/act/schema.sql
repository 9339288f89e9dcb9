CREATE TABLE episodes  (id TEXT PRIMARY KEY, open INTEGER NOT NULL, began INTEGER NOT NULL, body TEXT NOT NULL) STRICT;
CREATE TABLE orders    (id TEXT PRIMARY KEY, episode TEXT NOT NULL, written INTEGER NOT NULL, status TEXT NOT NULL,
                        body TEXT NOT NULL) STRICT;
CREATE TABLE incidents (id TEXT PRIMARY KEY, opened INTEGER NOT NULL, closed INTEGER, body TEXT NOT NULL) STRICT;
CREATE TABLE records   (policy TEXT PRIMARY KEY, body TEXT NOT NULL) STRICT;
CREATE TABLE decisions (seq INTEGER PRIMARY KEY, at INTEGER NOT NULL, policy TEXT NOT NULL, outcome TEXT NOT NULL,
                        why TEXT NOT NULL) STRICT;
CREATE TABLE memory    (key TEXT PRIMARY KEY, body TEXT NOT NULL) STRICT;

-- `due` is null when the notice is done with.
CREATE TABLE notices   (id TEXT PRIMARY KEY, at INTEGER NOT NULL, due INTEGER, dedup_key TEXT NOT NULL,
                        kind TEXT NOT NULL, body TEXT NOT NULL) STRICT;
CREATE TABLE deliveries(notice TEXT NOT NULL, channel TEXT NOT NULL, body TEXT NOT NULL,
                        PRIMARY KEY (notice, channel)) STRICT, WITHOUT ROWID;

CREATE INDEX orders_of_episode ON orders (episode);
CREATE INDEX notices_due ON notices (due, at, id) WHERE due IS NOT NULL;
CREATE INDEX notices_of_key ON notices (dedup_key, at);
