import { PrimaryColumn } from 'typeorm';

/** A row that belongs to one tenant: tenant_id is the first column of its key. */
export abstract class TenantEntity {
  @PrimaryColumn('uuid') tenantId!: string;
}
