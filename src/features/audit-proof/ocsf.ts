// An event in the words of the Open Cybersecurity Schema Framework 1.3: what a security team's store sorts by. What it has no word for is `unmapped`.
import { version } from '../../../config/root.js';
import type { ExportedEvent } from './export-formats.js';

/** class_uid and activity_id of what a SIEM has rules for: Account Change (3001), Authentication (3002). The rest is API Activity (6003). */
const KNOWN: Readonly<Record<string, readonly [number, number]>> = {
  'user.created': [3001, 1],
  'user.enabled': [3001, 2],
  'password.set': [3001, 3],
  'password.link_requested': [3001, 4],
  'user.disabled': [3001, 5],
  'user.deleted': [3001, 6],
  'account.deleted': [3001, 6],
  'account.locked': [3001, 9],
  'factor.added': [3001, 10],
  'factor.removed': [3001, 11],
  'sign_in.succeeded': [3002, 1],
  'sign_in.failed': [3002, 1],
  'session.ended': [3002, 2],
};

/** API Activity by the verb of the event: Create, Update, Delete; 99 is Other. */
const VERBS: readonly [RegExp, number][] = [
  [/\.(created|added|issued|given|linked)$/, 1],
  [/\.(updated|changed|renamed|rotated|enabled|disabled|suspended|resumed)$/, 3],
  [/\.(deleted|removed|revoked|unlinked)$/, 4],
];

const FAILED = /\.(failed|refused|denied|given_up|reused|ping_given_up)$/;

export function ocsf(event: ExportedEvent) {
  const { id, name, data, actor, ip, user_agent: agent, request_id: request, occurred_at, sequence, hash } = event;
  const [classUid, activity] = KNOWN[name] ?? [6003, VERBS.find(([verb]) => verb.test(name))?.[1] ?? 99];
  const hasFailed = FAILED.test(name);
  return {
    class_uid: classUid,
    category_uid: Math.floor(classUid / 1000),
    activity_id: activity,
    type_uid: classUid * 100 + activity,
    time: Date.parse(occurred_at),
    severity_id: hasFailed ? 2 : 1,
    status_id: hasFailed ? 2 : 1,
    message: name,
    metadata: {
      version: '1.3.0',
      uid: id,
      log_name: 'audit',
      ...(request ? { correlation_uid: request } : {}),
      tenant_uid: event.tenant_id,
      product: { name: 'Ostiary', vendor_name: 'Ostiary', version },
    },
    ...(actor ? { actor: actor.type === 'user' ? { user: { uid: actor.id } } : { app_uid: actor.id } } : {}),
    ...(typeof data.user_id === 'string' ? { user: { uid: data.user_id } } : {}),
    ...(ip ? { src_endpoint: { ip } } : {}),
    ...(classUid === 6003 ? { api: { operation: name } } : {}),
    ...(agent ? { http_request: { user_agent: agent } } : {}),
    unmapped: { data, sequence, hash },
  };
}
