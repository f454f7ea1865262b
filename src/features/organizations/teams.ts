// Owns the teams of an organization, and which of its members are in them.
import type { Clock } from '../../platform/clock.js';
import { currentTenantId } from '../../platform/context.js';
import { newId } from '../../platform/crypto.js';
import type { Database } from '../../platform/database.js';
import { conflict, notFound, preconditionFailed } from '../../platform/errors.js';
import type { AuditLog } from '../audit/audit.service.js';
import { mayTouch } from './hierarchy.js';
import type { MembershipHistory } from './membership-history.js';
import { heldMembership } from './membership-rows.js';
import type { Organization } from './organization.entity.js';
import { lockedOrganization } from './organization-rows.js';
import { assertMay, type Standings } from './standing.js';
import { Team } from './team.entity.js';
import type { CreateTeam, UpdateTeam } from './team.schema.js';

type Whose = Pick<Organization, 'id'>;

const MOST_TEAMS = 500;
/** Every token for the organization names them. */
const MOST_OF_ONE = 50;

export class Teams {
  constructor(
    private readonly db: Database,
    private readonly audit: AuditLog,
    private readonly clock: Clock,
    private readonly standings: Standings,
    private readonly history: MembershipHistory,
  ) {}

  async find({ id: organizationId }: Whose, id: string): Promise<Team> {
    const team = await this.db.repo(Team).findOneBy({ organizationId, id });
    if (!team) throw notFound('team');
    return team;
  }

  /** @throws QueryFailedError on a slug that is taken, answered as 409. */
  create(organization: Whose, { slug, name, description }: CreateTeam): Promise<Team> {
    return this.managing(organization, async () => {
      if ((await this.db.repo(Team).countBy({ organizationId: organization.id })) >= MOST_TEAMS)
        throw conflict('too_many_teams', 'There are as many teams as there may be');
      const now = this.clock.now();
      const id = newId();
      const team = await this.db.repo(Team).insert(
        Object.assign(new Team(), {
          id,
          organizationId: organization.id,
          slug,
          name,
          description: description ?? null,
          createdAt: now,
          updatedAt: now,
        }),
      );
      await this.audit.record('team.created', { organization_id: organization.id, team_id: id, slug });
      return team;
    });
  }

  /** Tokens say it from the next on. @param ifMatch the version the caller saw. */
  update(organization: Whose, id: string, patch: UpdateTeam, ifMatch?: number): Promise<Team> {
    return this.managing(organization, async () => {
      const team = await this.locked(organization, id, ifMatch);
      const before = JSON.stringify(team);
      if (patch.slug) team.slug = patch.slug;
      if (patch.name) team.name = patch.name;
      if (patch.description !== undefined) team.description = patch.description;
      if (JSON.stringify(team) === before) return team;
      team.version += 1;
      team.updatedAt = this.clock.now();
      await this.db.repo(Team).save(team);
      const changed = Object.keys(patch);
      await this.audit.record('team.updated', { organization_id: organization.id, team_id: id, changed });
      return team;
    });
  }

  delete(organization: Whose, id: string, ifMatch?: number): Promise<void> {
    return this.managing(organization, async () => {
      const { slug } = await this.locked(organization, id, ifMatch);
      const key = [currentTenantId(), organization.id, id];
      const left = await this.db.execute<{ user_id: string }>(EMPTY, key);
      const people = left.map(({ user_id: userId }) => userId);
      await this.history.recordAll('team_left', organization.id, people, { team_id: id, team: slug });
      await this.db.repo(Team).delete({ id });
      await this.audit.record('team.deleted', { organization_id: organization.id, team_id: id, slug });
    });
  }

  /** Of whoever is in it already nothing changes. @throws AppError 404 for who is not a member, 403 for one above whoever asks. */
  join(organization: Whose, id: string, userId: string): Promise<void> {
    return this.moving(organization, id, userId, ADD, ['team_joined', 'team.member_added']);
  }

  leave(organization: Whose, id: string, userId: string): Promise<void> {
    return this.moving(organization, id, userId, REMOVE, ['team_left', 'team.member_removed']);
  }

  private moving(
    organization: Whose,
    id: string,
    userId: string,
    statement: { name: string; text: string },
    [kind, event]: ['team_joined', 'team.member_added'] | ['team_left', 'team.member_removed'],
  ): Promise<void> {
    return this.managing(organization, async (standing) => {
      const { slug } = await this.locked(organization, id);
      const { membership, holding } = await heldMembership(this.db, organization.id, userId);
      if (!mayTouch(standing, holding)) assertMay('rank_too_low');
      const moved = await this.db.execute(statement, [currentTenantId(), organization.id, id, userId]);
      if (moved.length === 0) return;
      if (statement === ADD) await this.assertFew(organization, userId);
      await this.history.record(kind, membership, { team_id: id, team: slug });
      await this.audit.record(event, { organization_id: organization.id, team_id: id, user_id: userId });
    });
  }

  /** @throws AppError 409 */
  private async assertFew({ id }: Whose, userId: string): Promise<void> {
    const [there] = await this.db.execute<{ teams: number }>(COUNT, [currentTenantId(), id, userId]);
    if ((there?.teams ?? 0) > MOST_OF_ONE)
      throw conflict('too_many_teams', 'They are in as many teams as anybody may be');
  }

  private managing<T>(
    organization: Whose,
    work: (standing: Awaited<ReturnType<Standings['of']>>) => Promise<T>,
  ): Promise<T> {
    return this.db.transaction(async () => {
      await lockedOrganization(this.db, organization, 'changing');
      return work(await this.standings.atLeast('admin', organization));
    });
  }

  private async locked({ id: organizationId }: Whose, id: string, ifMatch?: number): Promise<Team> {
    const row = this.db.repo(Team).query('t').andWhere('t.organization_id = :organizationId', { organizationId });
    const team = await row.andWhere('t.id = :id', { id }).setLock('pessimistic_write').getOne();
    if (!team) throw notFound('team');
    if (ifMatch !== undefined && ifMatch !== team.version) throw preconditionFailed('The team has changed since');
    return team;
  }
}

const ADD = {
  name: 'team_member_add',
  text: `
    INSERT INTO team_members (tenant_id, organization_id, team_id, user_id) VALUES ($1, $2, $3, $4)
        ON CONFLICT DO NOTHING RETURNING 1`,
};

const COUNT = {
  name: 'team_members_count',
  text: 'SELECT count(*)::int AS teams FROM team_members WHERE tenant_id = $1 AND organization_id = $2 AND user_id = $3',
};

const REMOVE = {
  name: 'team_member_remove',
  text: `
    DELETE FROM team_members WHERE tenant_id = $1 AND organization_id = $2 AND team_id = $3 AND user_id = $4 RETURNING 1`,
};

const EMPTY = {
  name: 'team_empty',
  text: `DELETE FROM team_members WHERE tenant_id = $1 AND organization_id = $2 AND team_id = $3 RETURNING user_id`,
};
