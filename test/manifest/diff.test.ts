import test from 'ava';
import { diffContent, summarizeChanges } from '../../pkg/manifest/index.ts';
import { manifest, simple, target } from './samples.ts';

const volume = { label: 'data', persistent: true, nsgroup: 'web', size: 10 };
const digest = (character: string) => `sha256:${character.repeat(64)}`;

test('what differs is told by name, with what only a reboot makes real', async (t) => {
  const before = await manifest([target('hostfs'), target('web', simple()), target('db'), target('old')], {
    storage: [volume],
  });
  const after = await manifest(
    [
      target('hostfs', { version: '1.1', digest: digest('e') }),
      target('web', { ...simple({ ports: [{ host: 80, container: 80 }] }), environment: { A: '1' } }),
      target('db', { digest: digest('f') }),
      target('new'),
    ],
    {
      storage: [
        { ...volume, size: 20 },
        { ...volume, label: 'logs' },
      ],
    },
  );
  const same = { version: '1.0', digest: digest('d') };
  const none = { boot: false, fields: [] };
  const changes = diffContent(before, after);
  t.deepEqual(changes, [
    {
      kind: 'changed',
      what: 'target',
      name: 'db',
      from: same,
      to: { ...same, digest: digest('f') },
      ...none,
    },
    {
      kind: 'changed',
      what: 'target',
      name: 'hostfs',
      from: same,
      to: { version: '1.1', digest: digest('e') },
      boot: true,
      fields: [],
    },
    { kind: 'added', what: 'target', name: 'new', to: same, ...none },
    { kind: 'removed', what: 'target', name: 'old', from: same, ...none },
    {
      kind: 'changed',
      what: 'target',
      name: 'web',
      from: same,
      to: same,
      boot: false,
      fields: ['environment', 'network'],
    },
    { kind: 'changed', what: 'volume', name: 'data', boot: false, fields: ['size'] },
    { kind: 'added', what: 'volume', name: 'logs', ...none },
  ]);
  t.is(summarizeChanges(changes), 'db rebuilt, hostfs 1.0 → 1.1, new added, old removed, 3 more');
  t.is(
    summarizeChanges(changes.slice(4)),
    'web environment and network changed, volume data size changed, volume logs added',
  );
});

test('the same content has no difference, however it was written', async (t) => {
  const written = await manifest([target('web', { restart: 'no' })], { update_type: 'partial', release: 7 });
  const other = await manifest([target('web', { storage: [], restart: 'no' })]);
  t.deepEqual(diffContent(written, other), []);
  t.is(summarizeChanges([]), 'nothing changed');
});
