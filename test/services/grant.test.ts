import test from 'ava';
import { callerOfService } from '../../pkg/api/caller.ts';
import { grantsOf } from '../../pkg/system/service/grant.ts';

const container = (name: string, hostid: number | undefined, api_role?: string) =>
  ({
    name,
    ...(hostid === undefined ? {} : { idmap: { nsgroup: 'g', hostid, count: 65_536 } }),
    target: { service_type: 'container', ...(api_role === undefined ? {} : { api_role }) },
  }) as never;
const grants = (...targets: readonly never[]) =>
  grantsOf({ targets }).map(({ services, role, start }) => [services.join(' '), role, start]);

test('services have the role that is granted to their ids', (t) => {
  t.deepEqual(grants(container('web', 100_000, 'reader'), container('db', 165_536)), [
    ['web', 'reader', 100_000],
  ]);
  t.deepEqual(grants(container('root', undefined, 'admin')), []); // it has the ids of the host
  const pair = (a?: string, b?: string) => grants(container('a', 100_000, a), container('b', 100_000, b));
  t.deepEqual(pair('admin', 'reader'), [['a b', 'reader', 100_000]]);
  t.deepEqual(pair('admin', undefined), []);
});

test('a service is known by its ids, to the first and last of them', (t) => {
  const grant = [{ services: ['web'], role: 'operator', start: 100_000, count: 65_536 }] as const;
  const caller = (uid: number) => callerOfService({ process: 1, uid, groups: [uid] }, grant);
  for (const uid of [100_000, 165_535])
    t.deepEqual(caller(uid), { name: 'service web', role: 'operator', service: 'web' });
  for (const uid of [0, 99_999, 165_536])
    t.throws(() => caller(uid), {
      code: 'denied',
      message: `cannot answer uid ${uid}: it is no service that may ask`,
    });
});
