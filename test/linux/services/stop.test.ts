import test from 'ava';
import { makeServices } from '../../helpers/services.ts';

test.serial('all services are stopped at once, those first that no other one needs', async (t) => {
  t.timeout(120_000);
  const storage = 'storage:\n  - { label: kept, persistent: true, nsgroup: front, size: 8M }\n';
  const wait = 'while :; do busybox sleep 0.1; done';
  const last = 'busybox wget -q -O /kept/last http://back/; exit';
  const front = {
    script: `trap '${last}' TERM; ${wait}`,
    network: '{ type: simple }',
    more: ', depends_on: [back], storage: [{ dest: /kept, label: kept }]',
  };
  const back = {
    script: `mkdir -p /tmp/w; echo here >/tmp/w/index.html; busybox httpd -p 80 -h /tmp/w; trap exit TERM; ${wait}`,
    network: '{ type: simple }',
    more: ', health: { http: { port: 80, path: / } }',
  };
  const deaf = { script: `trap '' TERM; ${wait}` };
  const machine = await makeServices(t, { back, front, deaf }, { storage });
  t.deepEqual(JSON.parse(machine.must('stop', '--all', '--json')), { stopped: [], failed: [] });
  machine.must('boot', '--integrity', 'digest');
  const started = performance.now();
  t.deepEqual(JSON.parse(machine.must('stop', '--all', '--timeout', '5', '--json')), {
    stopped: ['back', 'deaf', 'front'],
    failed: [],
  });
  t.true(performance.now() - started > 5000, 'who does not listen is given the time');
  t.deepEqual(JSON.parse(machine.must('ps', '--json')).services, []);
  t.is(machine.sandbox.must('/usr/sbin/nft', 'list', 'ruleset'), '');
  machine.must('boot', '--integrity', 'digest');
  t.is(
    machine.must('exec', 'front', '--', '/bin/busybox', 'cat', '/kept/last'),
    'here\n',
    'back was there until front had ended',
  );
});
