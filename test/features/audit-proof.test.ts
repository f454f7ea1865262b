import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { v7 } from 'uuid';
import { readCheckpoint } from '../../src/features/audit-proof/checkpoint.js';
import { AuditSealing } from '../../src/features/audit-proof/sealing.js';
import { kinds } from '../support/postgres.js';
import { type AuditHouse, openAuditHouse } from './audit-house.js';
import { at } from './house.js';

describe.each(kinds)('the record proves itself, on %s', (kind) => {
  let house: AuditHouse;
  let ids: string[];

  beforeAll(async () => {
    house = await openAuditHouse(kind);
    ids = await house.recorded(25);
  }, 180_000);
  afterAll(() => house?.close());

  const found = async () =>
    (await house.verify()).findings.map(({ kind, eventId, sequence }) => ({ kind, eventId, sequence }));
  const checkpoint = async () => {
    const [newest] = await house.inside(() => house.checkpoints.list(undefined, 1));
    return readCheckpoint(newest?.jws ?? '');
  };
  const id = (index: number) => ids[index] as string;

  it('passes as it was recorded, and says how much of it is signed', () =>
    house.undone(async () => {
      await house.inside(() => house.audit.record('setup.completed', { user_id: 'x' }));
      expect(await house.verify()).toEqual({
        findings: [],
        events: ids.length,
        erased: 0,
        waiting: 1,
        checkpoints: 1,
        proven: ids.length,
        linked: ids.length,
        late: 0,
      });
      await house.sealing.run();
      expect(await house.verify()).toMatchObject({
        findings: [],
        events: ids.length + 1,
        waiting: 0,
        proven: ids.length,
      });
    }));

  it.each([
    ['name', `name = 'password.removed'`],
    ['data', `data = data || '{"user_id": "else"}'`],
    ['actor', `actor_type = 'user', actor_id = 'else'`],
    ['address', `ip = '203.0.113.9'`],
    ['browser', `user_agent = 'Chrome'`],
    ['request', `request_id = 'else'`],
    ['time', `occurred_at = occurred_at + interval '1 second'`],
    ['address, taken away as if its person had gone', 'ip = NULL'],
  ])('names an event whose %s was changed', (_what, change) =>
    house.undone(async () => {
      await house.tamper(`UPDATE audit_events SET ${change} WHERE id = $1`, [id(9)]);
      expect(await found()).toEqual([{ kind: 'changed', eventId: id(9), sequence: 10 }]);
    }),
  );

  it('names an event that was removed, with its seal or without', () =>
    house.undone(async () => {
      await house.tamper('DELETE FROM audit_events WHERE id = ANY ($1)', [[id(4), id(11)]]);
      await house.tamper('DELETE FROM audit_seals WHERE event_id = $1', [id(11)]);
      expect((await house.verify()).findings).toEqual([
        { kind: 'removed', eventId: id(4), sequence: 5, says: 'was removed' },
        { kind: 'removed', sequence: 12, says: `12 is missing after ${id(10)} before ${id(12)}` },
      ]);
    }));

  it('names an event that was removed when all places were moved up', () =>
    house.undone(async () => {
      await house.tamper('DELETE FROM audit_events WHERE id = $1', [id(11)]);
      await house.tamper('DELETE FROM audit_seals WHERE event_id = $1', [id(11)]);
      await house.tamper('UPDATE audit_seals SET sequence = -sequence WHERE sequence > 12');
      await house.tamper('UPDATE audit_seals SET sequence = -sequence - 1 WHERE sequence < 0');
      expect((await house.verify()).findings[0]).toMatchObject({ kind: 'removed', eventId: id(12), sequence: 12 });
    }));

  it('finds the last events removed, and that a checkpoint was kept of them', () =>
    house.undone(async () => {
      const kept = await checkpoint();
      const last = ids.length;
      await house.tamper('DELETE FROM audit_events WHERE id = $1', [id(last - 1)]);
      await house.tamper('DELETE FROM audit_seals WHERE event_id = $1', [id(last - 1)]);
      expect(await found()).toEqual([{ kind: 'removed', eventId: undefined, sequence: last }]);
      // Whoever takes away what was signed as well is told by what was kept elsewhere.
      await house.tamper('DELETE FROM audit_checkpoints');
      await house.tamper('UPDATE audit_chains SET last_sequence = $1, checkpointed_sequence = 0', [last - 1]);
      expect((await house.verify()).findings).toEqual([
        { kind: 'checkpoint', says: 'checkpoint 1 was signed last, and is not here' },
      ]);
      await house.tamper('UPDATE audit_chains SET checkpoint = 0, checkpoint_hash = NULL');
      expect(await found()).toEqual([]);
      expect((await house.verify(kept ? [kept] : [])).findings).toEqual([
        { kind: 'checkpoint', says: 'checkpoint 1 was kept elsewhere, and is not here' },
      ]);
    }));

  it('names an event that was inserted, without a seal or with one made up', () =>
    house.undone(async () => {
      const stranger = v7();
      const insert = `
      INSERT INTO audit_events (tenant_id, id, name, data, occurred_at) VALUES ($1, $2, 'user.created', '{"user_id": "x"}', now())`;
      await house.tamper(insert, [house.tenant.id, stranger]);
      expect(await found()).toEqual([{ kind: 'inserted', eventId: stranger, sequence: undefined }]);

      await house.tamper('UPDATE audit_seals SET sequence = -sequence WHERE sequence > 12');
      await house.tamper('UPDATE audit_seals SET sequence = -sequence + 1 WHERE sequence < 0');
      await house.tamper(
        `INSERT INTO audit_seals (tenant_id, sequence, event_id, leaf, hash) SELECT $1, 13, $2, leaf, hash FROM audit_seals WHERE sequence = 12`,
        [house.tenant.id, stranger],
      );
      expect((await found())[0]).toEqual({ kind: 'inserted', eventId: stranger, sequence: 13 });
    }));

  it('names an event that was put into the past, though it was sealed and signed for as all others are', () =>
    house.undone(async () => {
      const past = house.clock.now().getTime() + 60_000;
      house.clock.forward(3 * 3600);
      await house.recorded(3);
      const backdated = v7({ msecs: past });
      // Nothing of the proof is touched: the trigger has it sealed.
      await house.query(
        `INSERT INTO audit_events (tenant_id, id, name, data, occurred_at) VALUES ($1, $2, 'user.created', '{"user_id": "x"}', $3)`,
        [house.tenant.id, backdated, new Date(past)],
      );
      await house.recorded(1);
      expect(await found()).toEqual([{ kind: 'inserted', eventId: backdated, sequence: expect.any(Number) }]);
      house.clock.forward(-3 * 3600);
    }));

  it.each([0, -7, 9_000_000])(
    'names an event that was inserted with a seal at %d, where nobody who follows the chain comes by',
    (sequence) =>
      house.undone(async () => {
        const stranger = v7();
        await house.tamper(
          `INSERT INTO audit_events (tenant_id, id, name, data, occurred_at) VALUES ($1, $2, 'user.created', '{"user_id": "x"}', now())`,
          [house.tenant.id, stranger],
        );
        await house.tamper(
          'INSERT INTO audit_seals (tenant_id, sequence, event_id, leaf, hash) SELECT $1, $3, $2, leaf, hash FROM audit_seals WHERE sequence = 12',
          [house.tenant.id, stranger, sequence],
        );
        expect(await found()).toEqual([{ kind: 'inserted', eventId: stranger, sequence }]);
      }),
  );

  it('finds that nothing is signed for before a checkpoint that is left', () =>
    house.undone(async () => {
      await house.recorded(3);
      await house.tamper('DELETE FROM audit_checkpoints WHERE number = 1');
      expect((await house.verify()).findings).toEqual([
        { kind: 'checkpoint', sequence: 1, says: 'is signed for by no checkpoint, though later events are' },
      ]);
    }));

  /** As somebody who can write the database, and has the server sign what they have made of it. */
  const anew = async () => {
    await house.tamper('DELETE FROM audit_events WHERE id = $1', [id(3)]);
    await house.tamper('INSERT INTO audit_unsealed SELECT tenant_id, id FROM audit_events');
    await house.tamper('DELETE FROM audit_seals');
    await house.tamper('DELETE FROM audit_checkpoints');
    await house.tamper(`UPDATE audit_chains SET last_sequence = 0, hash = decode(repeat('00', 32), 'hex'), checkpoint = 0,
      checkpoint_hash = NULL, checkpoint_kid = NULL, checkpointed_sequence = 0, checkpointed_at = NULL`);
    await house.sealing.run();
  };

  it('says of another past that the server was made to sign that it was signed for late', () =>
    house.undone(async () => {
      house.clock.forward(3 * 3600);
      await anew();
      // A process that has signed nothing yet.
      await house.inside(() => house.checkpointsOf(house).sign());
      const { findings, late, proven } = await house.verify();
      expect([findings, late, proven]).toEqual([[], ids.length - 1, ids.length - 1]);
      house.clock.forward(-3 * 3600);
    }));

  it('is not signed by whoever knows that more of it was signed before, and somebody is told', () =>
    house.undone(async () => {
      await anew();
      expect([await house.checkpoints.run(), house.broken.splice(0)]).toEqual([0, [house.tenant.id]]);
    }));

  it('names events whose places were changed', () =>
    house.undone(async () => {
      await house.tamper('UPDATE audit_seals SET sequence = -sequence WHERE sequence IN (7, 15)');
      await house.tamper('UPDATE audit_seals SET sequence = 22 + sequence WHERE sequence < 0');
      expect(await found()).toEqual([
        { kind: 'reordered', eventId: id(14), sequence: 7 },
        { kind: 'reordered', eventId: id(6), sequence: 15 },
      ]);
    }));

  it('names neighbours that were exchanged, with their seals or without', () =>
    house.undone(async () => {
      await house.tamper('UPDATE audit_seals SET sequence = -sequence WHERE sequence IN (7, 8)');
      await house.tamper('UPDATE audit_seals SET sequence = 15 + sequence WHERE sequence < 0');
      const both = [
        { kind: 'reordered', eventId: id(7), sequence: 7 },
        { kind: 'reordered', eventId: id(6), sequence: 8 },
      ];
      expect(await found()).toEqual(both);
      await house.tamper('UPDATE audit_seals SET sequence = -sequence WHERE sequence IN (7, 8)');
      await house.tamper('UPDATE audit_seals SET sequence = 15 + sequence WHERE sequence < 0');
      expect(await found()).toEqual([]);
      await house.tamper('DROP INDEX audit_seals_event_key');
      await house.tamper(
        `UPDATE audit_seals s SET event_id = o.event_id, commitments = o.commitments, salts = o.salts
         FROM audit_seals o WHERE s.sequence IN (7, 8) AND o.sequence = 15 - s.sequence`,
      );
      expect(await found()).toEqual(both);
    }));

  it('finds a chain that was made anew from end to end, by what was signed', () =>
    house.undone(async () => {
      await house.tamper('DELETE FROM audit_events WHERE id = $1', [id(3)]);
      await house.tamper('INSERT INTO audit_unsealed SELECT tenant_id, id FROM audit_events');
      await house.tamper('DELETE FROM audit_seals');
      await house.tamper(`UPDATE audit_chains SET last_sequence = 0, hash = decode(repeat('00', 32), 'hex')`);
      await house.sealing.run();
      expect((await found()).length).toBeGreaterThan(0);
    }));

  it('finds a checkpoint that somebody else has signed, or that was taken out', () =>
    house.undone(async () => {
      await house.recorded(3);
      await house.recorded(3);
      const [{ jws }] = await house.query('SELECT jws FROM audit_checkpoints WHERE number = 3');
      const forged = (jws as string).split('.');
      const payload = JSON.parse(Buffer.from(forged[1] as string, 'base64url').toString());
      forged[1] = Buffer.from(JSON.stringify({ ...payload, root: 'AAAA' })).toString('base64url');
      await house.tamper('UPDATE audit_checkpoints SET jws = $1 WHERE number = 3', [forged.join('.')]);
      expect((await house.verify()).findings.map(({ says }) => says)).toContain(
        'checkpoint 3 is not signed with the key it names',
      );
      await house.tamper('UPDATE audit_checkpoints SET jws = $1 WHERE number = 3', [jws]);
      await house.tamper('DELETE FROM audit_checkpoints WHERE number = 2');
      expect((await house.verify()).findings.map(({ says }) => says)).toContain(
        'checkpoint 3 does not follow 1: those between are missing',
      );
    }));

  it('passes where the key has changed since, and where the old one is gone', () =>
    house.undone(async () => {
      await house.inside(() => house.keys.rotate({ force: true }));
      await house.recorded(5);
      const newest = await checkpoint();
      expect(newest?.number).toBe(2);
      await house.inside(() => house.keys.compromised(newest?.kid ?? ''));
      // Nobody believes the newest any more: another is signed, with the key that took its place.
      expect((await house.verify()).findings.map(({ kind }) => kind)).toEqual(['checkpoint']);
      await house.checkpoints.run();
      await house.inside(async () => {
        for (const { kid, status } of await house.keys.list())
          if (status !== 'current' && status !== 'next')
            await house.query('DELETE FROM signing_keys WHERE kid = $1', [kid]);
      });
      expect(await found()).toEqual([]);
      expect((await checkpoint())?.number).toBe(3);
    }));

  it('is signed when its time has come, or there is much of it, and not when nothing was recorded', () =>
    house.undone(async () => {
      expect(await house.checkpoints.run()).toBe(0);
      await house.inside(() => house.audit.record('setup.completed', { user_id: 'x' }));
      await house.sealing.run();
      expect(await house.checkpoints.run()).toBe(0);
      house.clock.forward(601);
      expect([await house.checkpoints.run(), await house.checkpoints.run()]).toEqual([1, 0]);
    }));

  it('is not signed where it does not hang together, and somebody is told', () =>
    house.undone(async () => {
      await house.inside(async () => {
        for (let n = 0; n < 3; n += 1) await house.audit.record('setup.completed', { user_id: `${n}` });
      });
      await house.sealing.run();
      await house.tamper(`UPDATE audit_seals SET leaf = sha256('x') WHERE sequence = $1`, [ids.length + 2]);
      house.clock.forward(601);
      expect([await house.checkpoints.run(), house.broken]).toEqual([0, [house.tenant.id]]);
    }));

  it('passes when a person is gone, and says so; nothing tells their address from a guess', () =>
    house.undone(async () => {
      const user = await house.inside(() => house.users.create({ email: 'maria@example.com' }));
      await house.recorded(8, user.id);
      const before = (await house.verify()).events;
      await house.inside(() => house.db.transaction(() => house.erasure.erase(user)));
      expect(await house.verify()).toMatchObject({ findings: [], events: before, erased: 8 });
      const [{ salted }] = await house.query(
        `SELECT count(*)::int AS salted FROM audit_seals s JOIN audit_events e ON e.id = s.event_id
        WHERE e.data ->> 'user_id' = $1 AND s.salts <> '{}'`,
        [user.id],
      );
      expect(salted).toBe(0);
    }));

  it('keeps no salt of what was emptied while it was being sealed', () =>
    house.undone(async () => {
      const user = await house.inside(() => house.users.create({ email: 'maria@example.com' }));
      await house.recorded(2, user.id);
      const salts = await house.query('SELECT event_id, salts FROM audit_seals WHERE salts IS NOT NULL');
      await house.inside(() => house.db.transaction(() => house.erasure.erase(user)));
      for (const { event_id, salts: of } of salts)
        await house.query('UPDATE audit_seals SET salts = $2 WHERE event_id = $1', [event_id, of]);
      house.clock.forward(61);
      await house.erasure.finish();
      expect(await found()).toEqual([]);
    }));

  it('seals what commits late after what began later', () =>
    house.undone(async () => {
      const early = v7({ msecs: Date.now() - 3600_000 });
      await house.query(
        `INSERT INTO audit_events (tenant_id, id, name, data, occurred_at) VALUES ($1, $2, 'setup.completed', '{}', now())`,
        [house.tenant.id, early],
      );
      await house.sealing.run();
      expect(await found()).toEqual([]);
      const [{ sequence }] = await house.query('SELECT sequence::int FROM audit_seals WHERE event_id = $1', [early]);
      expect(sequence).toBe(ids.length + 1);
    }));

  it('seals what was recorded before there were seals, while more is recorded', () =>
    house.undone(async () => {
      for (const table of ['audit_seals', 'audit_chains', 'audit_checkpoints', 'audit_unsealed'])
        await house.query(`DELETE FROM ${table}`);
      await house.query(
        `INSERT INTO audit_chains (tenant_id, backlog_after) SELECT id, '00000000-0000-0000-0000-000000000000' FROM tenants`,
      );
      await house.inside(() => house.audit.record('setup.completed', { user_id: 'x' }));
      expect(await house.verify()).toMatchObject({ findings: [], events: 0 });
      expect(await new AuditSealing(house.db, 2).run()).toBe(ids.length + 1);
      expect(await house.verify()).toMatchObject({ findings: [], events: ids.length + 1, waiting: 0 });
    }));

  it('has one chain for each tenant, and none of one that goes', () =>
    house.undone(async () => {
      const other = await house.tenants.create({ slug: 'other', name: 'Other' });
      await at(other, () => house.audit.record('setup.completed', { user_id: 'x' }));
      await house.sealing.run();
      const chains = () => house.query('SELECT tenant_id FROM audit_chains');
      expect(await chains()).toHaveLength(2);
      await house.query('UPDATE tenants SET deleting_at = now() WHERE id = $1', [other.id]);
      await house.query('DELETE FROM audit_chains WHERE tenant_id = $1', [other.id]);
      await at(other, () => house.audit.record('setup.completed', { user_id: 'x' }));
      expect([await house.sealing.run(), await chains()]).toEqual([0, [{ tenant_id: house.tenant.id }]]);
    }));

  it('goes on where a process that died has left it: all of a batch or nothing', async () => {
    await house.inside(() => house.audit.record('setup.completed', { user_id: 'x' }));
    const { execute } = house.db;
    house.db.execute = async (statement, values) => {
      const rows = await execute.call(house.db, statement, values);
      if (statement.name === 'audit_seal') throw new Error('killed');
      return rows as never;
    };
    await expect(house.sealing.run()).rejects.toThrow('killed');
    house.db.execute = execute;
    expect(await house.verify()).toMatchObject({ findings: [], waiting: 1 });
    expect(await house.sealing.run()).toBe(1);
    expect(await house.verify()).toMatchObject({ findings: [], waiting: 0 });
  });
});
