/** The SQLite file of the embedded store: its tables and the statements on them. Values are texts here; keys know no prefix. */
import { chmodSync, closeSync, openSync } from 'node:fs';
import { DatabaseSync, type StatementSync } from 'node:sqlite';
import type { Kind } from '../model/object-set.ts';
import { StoreError } from './store-error.ts';
import type { ObjectRef } from './store.ts';

/** "GWRT": tells our files from those of others. */
const APPLICATION_ID = 0x47575254;
const FORMAT = 1;
/** How long a writer waits for another process. */
const BUSY_ms = 2_000;
/** Deletions that are remembered for watches that resume, and how many are forgotten at once. */
const DELETIONS_KEPT = 10_000;
const DELETIONS_SLACK = 1_000;

const TABLES = `
  CREATE TABLE meta (name TEXT PRIMARY KEY, value ANY NOT NULL) STRICT, WITHOUT ROWID;
  CREATE TABLE objects (
    kind TEXT NOT NULL, id TEXT NOT NULL, value TEXT NOT NULL,
    created INTEGER NOT NULL, modified INTEGER NOT NULL, expires_ms INTEGER,
    PRIMARY KEY (kind, id)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX objects_modified ON objects (modified);
  CREATE INDEX objects_expires ON objects (expires_ms) WHERE expires_ms IS NOT NULL;
  CREATE TABLE deletions (kind TEXT NOT NULL, id TEXT NOT NULL, revision INTEGER NOT NULL, PRIMARY KEY (kind, id))
    STRICT, WITHOUT ROWID;
  CREATE INDEX deletions_revision ON deletions (revision);
  INSERT INTO meta VALUES ('revision', 0), ('last_put', 0), ('forgotten', 0), ('key_id', '');
  PRAGMA application_id = ${APPLICATION_ID};
  PRAGMA user_version = ${FORMAT};
`;

export interface Row {
  readonly kind: Kind;
  readonly id: string;
  readonly value: string;
  readonly created: number;
  readonly modified: number;
}

export interface DatabaseOptions {
  readonly path: string;
  readonly max_bytes: number;
}

type Meta = 'revision' | 'last_put' | 'forgotten' | 'key_id';

export class EmbeddedDatabase {
  readonly isReadOnly: boolean;
  private readonly database: DatabaseSync;
  private readonly statements = new Map<string, StatementSync>();

  /** @throws whatever SQLite has to say, or StoreError if the file belongs to somebody else */
  constructor({ path, max_bytes }: DatabaseOptions) {
    this.isReadOnly = !prepareFile(path);
    const options = { timeout: BUSY_ms, allowExtension: false, defensive: true };
    this.database = new DatabaseSync(path, { ...options, readOnly: this.isReadOnly });
    try {
      this.prepare(path, max_bytes);
    } catch (error) {
      this.database.close();
      throw error;
    }
  }

  private prepare(path: string, max_bytes: number): void {
    this.database.exec('PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON;');
    if (this.isReadOnly) return this.checkFormat(path);
    // A commit is on the disk before the write is accepted, and what is deleted is overwritten.
    this.database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA secure_delete = ON;');
    this.database.exec(`PRAGMA max_page_count = ${Math.ceil(max_bytes / this.pragma('page_size'))};`);
    this.transaction(() => {
      const isEmpty = this.all('SELECT 1 FROM sqlite_schema LIMIT 1').length === 0;
      if (isEmpty && this.pragma('application_id') === 0) this.database.exec(TABLES);
    });
    this.checkFormat(path);
  }

  private checkFormat(path: string): void {
    if (this.pragma('application_id') !== APPLICATION_ID) {
      throw new StoreError('unavailable', `${path} is a database of something else: name another file`);
    }
    const format = this.pragma('user_version');
    if (format !== FORMAT) {
      throw new StoreError(
        'unavailable',
        `${path} has format ${format}, this version reads ${FORMAT}: use the one that wrote it`,
      );
    }
  }

  private pragma(name: string): number {
    return Number(Object.values(this.all(`PRAGMA ${name}`)[0] ?? {})[0]);
  }

  /** Changes whenever another process wrote. */
  get dataVersion(): number {
    return this.pragma('data_version');
  }

  /** All or nothing; what is read inside is of one moment. */
  transaction<T>(run: () => T): T {
    // A reader that becomes a writer half-way could be refused; a writer waits at the beginning.
    this.database.exec(this.isReadOnly ? 'BEGIN' : 'BEGIN IMMEDIATE');
    return this.finish(run);
  }

  /** As `transaction`, without keeping others from writing. */
  reading<T>(run: () => T): T {
    this.database.exec('BEGIN');
    return this.finish(run);
  }

  private finish<T>(run: () => T): T {
    try {
      const result = run();
      this.database.exec('COMMIT');
      return result;
    } catch (error) {
      // Some errors have ended the transaction already.
      if (this.database.isTransaction) this.database.exec('ROLLBACK');
      throw error;
    }
  }

  meta(name: Meta): number | string {
    const value = this.all('SELECT value FROM meta WHERE name = ?', name)[0]?.['value'];
    return value as number | string;
  }

  setMeta(name: Meta, value: number | string): void {
    this.run('UPDATE meta SET value = ? WHERE name = ?', value, name);
  }

  find({ kind, id }: ObjectRef): Row | null {
    const row = this.all(
      'SELECT kind, id, value, created, modified FROM objects WHERE kind = ? AND id = ?',
      kind,
      id,
    )[0];
    return (row as Row | undefined) ?? null;
  }

  rows(kind?: Kind): readonly Row[] {
    const select = 'SELECT kind, id, value, created, modified FROM objects';
    const rows = kind === undefined ? this.all(select) : this.all(`${select} WHERE kind = ?`, kind);
    return rows as unknown as Row[];
  }

  rowsSince(revision: number): readonly Row[] {
    const select = 'SELECT kind, id, value, created, modified FROM objects WHERE modified > ?';
    return this.all(select, revision) as unknown as Row[];
  }

  deletionsSince(revision: number): readonly ObjectRef[] {
    return this.refs('SELECT kind, id FROM deletions WHERE revision > ?', revision);
  }

  put({ kind, id, value, created, modified }: Row, expires_ms: number | null): void {
    this.run('DELETE FROM deletions WHERE kind = ? AND id = ?', kind, id);
    this.run('REPLACE INTO objects VALUES (?, ?, ?, ?, ?, ?)', kind, id, value, created, modified, expires_ms);
  }

  /** Another text for the same value. */
  rewrite({ kind, id, value }: Row): void {
    this.run('UPDATE objects SET value = ? WHERE kind = ? AND id = ?', value, kind, id);
  }

  delete({ kind, id }: ObjectRef, revision: number): void {
    this.run('DELETE FROM objects WHERE kind = ? AND id = ?', kind, id);
    this.run('REPLACE INTO deletions VALUES (?, ?, ?)', kind, id, revision);
    const { count } = this.all('SELECT count(*) AS count FROM deletions')[0] as { count: number };
    if (count <= DELETIONS_KEPT + DELETIONS_SLACK) return;
    const oldest = 'SELECT revision FROM deletions ORDER BY revision DESC LIMIT 1 OFFSET ?';
    const { revision: forgotten } = this.all(oldest, DELETIONS_KEPT)[0] as { revision: number };
    this.run('DELETE FROM deletions WHERE revision <= ?', forgotten);
    this.setMeta('forgotten', forgotten);
  }

  expired(now_ms: number): readonly ObjectRef[] {
    return this.refs('SELECT kind, id FROM objects WHERE expires_ms <= ?', now_ms);
  }

  /** When the next object expires. */
  nextExpiry_ms(): number | null {
    // In the words of the index, which holds these alone: without them, every object is looked at.
    const sql = 'SELECT min(expires_ms) AS next FROM objects WHERE expires_ms IS NOT NULL';
    const { next } = this.all(sql)[0] as { next: number | null };
    return next;
  }

  close(): void {
    this.database.close();
  }

  private refs(sql: string, value: number): readonly ObjectRef[] {
    return this.all(sql, value).map((row) => ({ kind: row['kind'] as Kind, id: row['id'] as string }));
  }

  private all(sql: string, ...values: (string | number | null)[]): Record<string, unknown>[] {
    return this.statement(sql).all(...values);
  }

  private run(sql: string, ...values: (string | number | null)[]): void {
    this.statement(sql).run(...values);
  }

  private statement(sql: string): StatementSync {
    const known = this.statements.get(sql);
    if (known !== undefined) return known;
    const statement = this.database.prepare(sql);
    this.statements.set(sql, statement);
    return statement;
  }
}

/** Makes the file, for its owner alone; false if it is there and may not be written. SQLite gives its side files the same mode. */
function prepareFile(path: string): boolean {
  try {
    closeSync(openSync(path, 'a', 0o600));
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EACCES' || code === 'EROFS' || code === 'EPERM') return false;
    throw new StoreError('unavailable', `cannot open ${path}: ${(error as Error).message}`, { cause: error });
  }
  chmodSync(path, 0o600);
  return true;
}
