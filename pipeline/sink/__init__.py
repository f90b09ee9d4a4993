"""The way into ClickHouse: rows as columns, blocks, the connection, migrations."""
