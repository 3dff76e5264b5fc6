import test from 'ava';
import type { InstallTarget } from '../../pkg/manifest/index.ts';
import { judgeSecurity, type SecurityFacts } from '../../pkg/system/service/score.ts';

const target = {
  network: { type: 'none', ipv4: '', ipv6: '', ports: [] },
  resources: { memory: 64, cpu: 100 },
  read_only: true,
} as unknown as InstallTarget;
const best: SecurityFacts = {
  ...{ target, firstId: 100_000, user: '33', hasCgroup2: true, hasAppArmor: true, integrity: 'verity' },
};
const score = (changed: Partial<SecurityFacts>, definition: Partial<InstallTarget> = {}): number =>
  judgeSecurity({ ...best, ...changed, target: { ...target, ...definition } }).reduce(
    (sum, { got }) => sum + got,
    0,
  );

test('the best service has 100 points, and no point is more than its most', (t) => {
  t.is(score({}), 100);
  for (const { got, most } of judgeSecurity(best)) t.is(got, most);
});

test('what loosens costs points', (t) => {
  t.is(score({ firstId: undefined }), 80);
  for (const user of ['', 'root', '0', 'root:web', ':5']) t.is(score({ user }), 90, user);
  t.is(score({ user: 'rooted' }), 100);
  t.is(score({}, { network: { ...target.network, type: 'host' } }), 90);
  t.is(score({}, { capabilities: ['net_raw'] }), 93);
  t.is(score({}, { capabilities: ['net_raw', 'sys_admin'] }), 80);
  t.is(score({}, { api_role: 'admin' }), 95);
  t.is(score({}, { devices: ['/dev/net/tun'] }), 95);
  t.is(score({}, { read_only: false }), 93);
  t.is(score({ hasCgroup2: false, hasAppArmor: false }), 90);
  t.is(score({}, { resources: {} }), 96);
  t.is(score({ integrity: 'digest' }), 92);
});
