"""The customer record: tables, migrations, writes (`store`) and reads (`queries`). Plain synchronous SQLAlchemy Core."""
