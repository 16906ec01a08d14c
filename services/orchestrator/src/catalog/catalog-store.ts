import type { DatasetInfo, NetworkInfo } from '@rift/contracts';
import { AlreadyExists } from '@rift/service-kit';
import type { Database } from '../database/database.js';
import { datasetInfoCodec, networkInfoCodec, type Codec } from '../messages/codec.js';

/** A registered name. */
export interface CatalogEntry<Info> {
  readonly name: string;
  readonly info: Info;
  readonly createdAt: Date;
}

/** Where a page of entries begins: after the entry of this age and name. */
export interface EntryCursor {
  readonly createdAt: Date;
  readonly name: string;
}

/** Names of one kind of thing. A name stands for one artifact until it is deleted. */
export class EntryStore<Info extends { readonly digest: string }> {
  constructor(
    private readonly database: Database,
    private readonly table: 'networks' | 'datasets',
    private readonly what: string,
    private readonly codec: Codec<Info>,
  ) {}

  /**
   * Registers a name; the same name for the same artifact changes nothing.
   *
   * @throws AlreadyExists when the name stands for another artifact.
   */
  async register(name: string, info: Info): Promise<CatalogEntry<Info>> {
    await this.database.run((db) =>
      db
        .insertInto(this.table)
        // The database counts microseconds, page tokens milliseconds.
        .values({ name, digest: info.digest, info: this.codec.encode(info), created_at: new Date() })
        .onConflict((conflict) => conflict.column('name').doNothing())
        .execute(),
    );
    const entry = await this.find(name);
    if (entry?.info.digest !== info.digest) {
      throw new AlreadyExists(
        this.what,
        name,
        `it stands for ${entry?.info.digest ?? 'nothing any more'}; delete it first, or choose another name`,
      );
    }
    return entry;
  }

  /** Finds an entry by its name, or the newest one of a digest. */
  async find(nameOrDigest: string): Promise<CatalogEntry<Info> | undefined> {
    const row = await this.database.run((db) =>
      db
        .selectFrom(this.table)
        .selectAll()
        .where((where) => where.or([where('name', '=', nameOrDigest), where('digest', '=', nameOrDigest)]))
        .orderBy((order) => order.case().when('name', '=', nameOrDigest).then(0).else(1).end())
        .orderBy('created_at', 'desc')
        .limit(1)
        .executeTakeFirst(),
    );
    return row && { name: row.name, info: this.codec.decode(row.info), createdAt: row.created_at };
  }

  /** Returns entries, newest first. */
  async list(limit: number, after: EntryCursor | undefined): Promise<CatalogEntry<Info>[]> {
    const rows = await this.database.run((db) => {
      let query = db.selectFrom(this.table).selectAll().orderBy('created_at', 'desc').orderBy('name', 'desc').limit(limit);
      if (after) {
        query = query.where((where) =>
          where.or([
            where('created_at', '<', after.createdAt),
            where.and([where('created_at', '=', after.createdAt), where('name', '<', after.name)]),
          ]),
        );
      }
      return query.execute();
    });
    return rows.map((row) => ({ name: row.name, info: this.codec.decode(row.info), createdAt: row.created_at }));
  }

  /** @returns whether there was such a name. */
  async remove(name: string): Promise<boolean> {
    const result = await this.database.run((db) => db.deleteFrom(this.table).where('name', '=', name).executeTakeFirst());
    return result.numDeletedRows > 0n;
  }
}

/** What is in networks that were looked into; a network's content never changes under its digest. */
export class NetworkInfoStore {
  constructor(private readonly database: Database) {}

  async find(digest: string): Promise<NetworkInfo | undefined> {
    const row = await this.database.run((db) =>
      db.selectFrom('network_infos').select('info').where('digest', '=', digest).executeTakeFirst(),
    );
    return row && networkInfoCodec.decode(row.info);
  }

  async keep(info: NetworkInfo): Promise<void> {
    await this.database.run((db) =>
      db
        .insertInto('network_infos')
        .values({ digest: info.digest, info: networkInfoCodec.encode(info) })
        .onConflict((conflict) => conflict.column('digest').doNothing())
        .execute(),
    );
  }
}

/** Registered networks. */
export function networkEntries(database: Database): EntryStore<NetworkInfo> {
  return new EntryStore(database, 'networks', 'network', networkInfoCodec);
}

/** Registered data sets. */
export function datasetEntries(database: Database): EntryStore<DatasetInfo> {
  return new EntryStore(database, 'datasets', 'data set', datasetInfoCodec);
}
