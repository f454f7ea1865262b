// What Database.repo() hands out: every read and write carries the tenant of the current context, so another tenant's row does not exist.
import type {
  DeepPartial,
  FindManyOptions,
  FindOptionsWhere,
  QueryDeepPartialEntity,
  Repository,
  SelectQueryBuilder,
} from 'typeorm';
import { currentTenantId } from './context.js';
import type { TenantEntity } from './tenant-entity.js';

type Where<E> = FindOptionsWhere<E> | FindOptionsWhere<E>[];

export class TenantRepository<E extends TenantEntity> {
  constructor(private readonly repository: Repository<E>) {}

  find(options: FindManyOptions<E> = {}): Promise<E[]> {
    return this.repository.find({ ...options, where: scoped<E>((options.where ?? {}) as Where<E>) });
  }

  findBy(where: Where<E>): Promise<E[]> {
    return this.repository.findBy(scoped(where));
  }

  findOneBy(where: Where<E>): Promise<E | null> {
    return this.repository.findOneBy(scoped(where));
  }

  /**
   * As findOneBy, with the same work where there is no such row: a statement that always answers one, read column by column. For what must
   * not tell by its time whether somebody is there (OWASP ASVS 5.0 §6.3.8).
   */
  async findOneAlike(property: keyof E & string, value: unknown): Promise<E | undefined> {
    const { metadata, manager } = this.repository;
    const column = metadata.findColumnWithPropertyName(property)?.databaseName;
    const text = `
      SELECT found.* FROM (SELECT 1) AS one
      LEFT JOIN ${metadata.tablePath} AS found ON found.tenant_id = $1 AND found.${column} = $2`;
    const [row] = await this.repository.query(text, [currentTenantId(), value]);
    const { driver } = manager.dataSource;
    const entity = metadata.create() as E;
    for (const each of metadata.columns)
      each.setEntityValue(entity, driver.prepareHydratedValue(row[each.databaseName], each));
    return row.tenant_id === null ? undefined : entity;
  }

  existsBy(where: Where<E>): Promise<boolean> {
    return this.repository.existsBy(scoped(where));
  }

  countBy(where: Where<E>): Promise<number> {
    return this.repository.countBy(scoped(where));
  }

  /** Inserts or updates by primary key. */
  save(entity: E): Promise<E> {
    return this.repository.save(owned(entity) as E & DeepPartial<E>);
  }

  /** @throws QueryFailedError on a unique violation, which the renderers answer as 409. */
  async insert(entity: E): Promise<E> {
    await this.repository.insert(owned(entity) as QueryDeepPartialEntity<E>);
    return entity;
  }

  /** A unique key that is taken leaves the surrounding transaction good. @returns false where it is. */
  async insertUnlessTaken(entity: E): Promise<boolean> {
    const row = owned(entity) as QueryDeepPartialEntity<E>;
    const insert = this.repository.createQueryBuilder().insert().values(row).orIgnore().updateEntity(false);
    const { raw } = await insert.returning('tenant_id').execute();
    return raw.length > 0;
  }

  /** @returns how many rows changed. */
  async update(where: FindOptionsWhere<E>, change: QueryDeepPartialEntity<E>): Promise<number> {
    const { tenantId } = change as { tenantId?: unknown };
    if (tenantId !== undefined && tenantId !== currentTenantId()) throw new Error(foreignRow);
    return (await this.repository.update(scoped(where) as FindOptionsWhere<E>, change)).affected ?? 0;
  }

  /** @returns how many rows went. */
  async delete(where: FindOptionsWhere<E>): Promise<number> {
    return (await this.repository.delete(scoped(where) as FindOptionsWhere<E>)).affected ?? 0;
  }

  /** A query that already carries the tenant; it takes andWhere, and refuses where and orWhere, which would lead out of the tenant. */
  query(alias: string): SelectQueryBuilder<E> {
    const query = this.repository
      .createQueryBuilder(alias)
      .where(`${alias}.tenant_id = :tenantId`, { tenantId: currentTenantId() });
    const and = query.andWhere.bind(query);
    // TypeORM joins conditions as they are: without parentheses the OR of a later one stands beside the tenant's, not below it.
    query.andWhere = (where, parameters) => and(typeof where === 'string' ? `(${where})` : where, parameters);
    query.where = query.orWhere = () => {
      throw new Error('use andWhere: the query already carries its tenant');
    };
    return query;
  }
}

const foreignRow = 'a row of another tenant cannot be written';

function scoped<E extends TenantEntity>(where: Where<E>): Where<E> {
  const tenantId = currentTenantId();
  const add = (one: FindOptionsWhere<E>) => ({ ...one, tenantId }) as FindOptionsWhere<E>;
  return Array.isArray(where) ? where.map(add) : add(where);
}

function owned<E extends TenantEntity>(entity: E): E {
  const tenantId = currentTenantId();
  if (entity.tenantId && entity.tenantId !== tenantId) throw new Error(foreignRow);
  entity.tenantId = tenantId;
  return entity;
}
