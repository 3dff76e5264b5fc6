import test from 'ava';
import {
  deriveSystem,
  mergeUpdate,
  noAllocations,
  parseSystemManifest,
  renderSystemManifest,
} from '../../pkg/manifest/index.ts';
import { manifest, sha, simple, target } from './samples.ts';

const a = 'a'.repeat(64);
const b = 'b'.repeat(64);

/** A complete manifest (a) with hostfs, web and db, and a partial one (b) that replaces web. */
async function machine() {
  const storage = [{ label: 'data', persistent: true, nsgroup: 'web', size: 10 }];
  const before = mergeUpdate({
    update: {
      sha: sha('a'),
      manifest: await manifest(
        [
          target('hostfs'),
          target('web', simple()),
          target('db', { ...simple({ ipv4: '10.0.3.9' }), nsgroup: 'db' }),
        ],
        { storage, release: 1, security_version: 1 },
      ),
    },
    allocations: noAllocations,
    hostRanges: [],
  });
  const update = await manifest([target('web', simple())], {
    update_type: 'partial',
    release: 2,
    security_version: 3,
  });
  return mergeUpdate({
    previous: before,
    update: { sha: sha('b'), manifest: update },
    allocations: before.allocations,
    hostRanges: [],
  });
}

test('what mosctl wrote derives, and is as safe as its weakest manifest', async (t) => {
  const { system, sources } = await machine();
  const read = await parseSystemManifest(renderSystemManifest(system));
  const derived = deriveSystem(read, sources, [{ start: 1000, count: 99_000 }]);
  t.is(derived.security_version, 1);
  t.is(derived.release, 2);
  t.deepEqual(
    derived.targets.map((entry) => [entry.name, entry.source[0], entry.target.nsgroup]),
    [
      ['db', 'a', 'db'],
      ['hostfs', 'a', 'none'],
      ['web', 'b', 'web'],
    ],
  );
});

const refuses = test.macro({
  exec: async (t, from: string | RegExp, to: string, why: string) => {
    const { system, sources } = await machine();
    const text = renderSystemManifest(system);
    const altered = text.replaceAll(typeof from === 'string' ? from : new RegExp(from, 'g'), to);
    t.not(altered, text);
    const error = await t.throwsAsync(async () => deriveSystem(await parseSystemManifest(altered), sources));
    t.is(error?.message, `cannot use manifest.yaml: ${why}`);
  },
  title: (_, from, to, why) => `${String(from)} → ${to}: ${why}`,
});
test(refuses, `"web","source":"${b}`, `"web","source":"${a}`, `nothing in it comes from ${b}.yaml`);
test(refuses, `"hostfs","source":"${a}`, `"hostfs","source":"${b}`, `hostfs is not in ${b}.yaml`);
test(
  refuses,
  `"hostfs","source":"${a}`,
  `"hostfs","source":"${'c'.repeat(64)}`,
  `it names ${'c'.repeat(64)}.yaml, which is not there`,
);
test(refuses, '"name":"hostfs"', '"name":"hostfz"', `it lacks hostfs of ${a}.yaml`);
test(refuses, /\n.*"hostfs".*,/, '', `it lacks hostfs of ${a}.yaml`);
test(refuses, /,\n.*"volume".*/, '', `it lacks the volume data of ${a}.yaml`);
test(
  refuses,
  '"nsgroup":"web","hostid":165536',
  '"nsgroup":"web","hostid":100000',
  'the ids from 100000 of the nsgroup web meet those of db',
);
test(
  refuses,
  '"nsgroup":"web","hostid":165536',
  '"nsgroup":"web","hostid":120000',
  'the ids from 120000 of the nsgroup web meet those of db',
);
test(refuses, '"nsgroup":"web"', '"nsgroup":"db"', 'web is signed for the nsgroup web, not db');
test(
  refuses,
  /"idmap":\{"nsgroup":"web"[^}]*\},"network"/,
  '"network"',
  'web is signed for the nsgroup web, not the ids of the host',
);
test(
  refuses,
  `"hostfs","source":"${a}.yaml"`,
  `"hostfs","source":"${a}.yaml","idmap":{"nsgroup":"web","hostid":165536,"count":65536}`,
  'hostfs has an id map, but is signed for the ids of the host',
);
test(
  refuses,
  '"hostid":165536',
  '"hostid":0',
  '[2].idmap.hostid must be a whole number from 100000 to 4294901759; [3].idmap.hostid must be a whole number from 100000 to 4294901759',
);
test(
  refuses,
  '"count":65536',
  '"count":1',

  '[0].idmap.count must be a whole number from 65536 to 65536; [2].idmap.count must be a whole number from 65536 to 65536; [3].idmap.count must be a whole number from 65536 to 65536',
);
test(refuses, '10.0.3.9/24', '10.0.3.10/24', 'db has the address 10.0.3.10/24, but is signed for 10.0.3.9');
test(refuses, '10.0.3.2/24', '10.0.3.9/24', 'db and web both have the address 10.0.3.9/24');
test(
  refuses,
  '10.0.3.2/24',
  '192.168.1.1/24',
  '[2].network.ipv4 is 192.168.1.1/24, which is not in the network of the bridge 10.0.3.1/24',
);
test(refuses, /,"network":\{"ipv4":"10.0.3.2[^}]*\}/, '', 'web is signed for the network simple');
test(
  refuses,
  `"hostfs","source":"${a}.yaml"`,
  `"hostfs","source":"${a}.yaml","root":"/"`,
  '[1].root is not known here',
);
test(refuses, '"name":"db"', '"name":"web"', '[2] is the target web for the second time');
test(
  refuses,
  `${a}.yaml`,
  '../../etc/passwd',
  [0, 1, 3].map((i) => `[${i}].source must be <sha256>.yaml`).join('; '),
);
test(refuses, /^[\s\S]*$/, '{}', 'must be a list');
test(refuses, /^[\s\S]*$/, '', 'it is empty');

test('a kept manifest that another replaces may not win, and products are not mixed', async (t) => {
  const { sources } = await machine();
  const rest = await manifest([target('web', simple()), target('db', { ...simple(), nsgroup: 'db' })], {
    update_type: 'partial',
    release: 1,
  });
  const both = new Map([...sources, [sha('c'), rest] as const]);
  const web = { nsgroup: 'web', hostid: 165_536, count: 65_536 };
  const line = (name: string, source: string, more: object) =>
    JSON.stringify({ name, source: `${source}.yaml`, ...more });
  const network = (host: number) => ({ ipv4: `10.0.3.${host}/24`, ipv6: `fd6d:6f73:3::${host}/64` });
  const text = `[${line('hostfs', a, {})},${line('web', 'c'.repeat(64), { idmap: web, network: network(2) })},
    ${line('db', 'c'.repeat(64), { idmap: { ...web, nsgroup: 'db', hostid: 100_000 }, network: network(9) })},
    ${JSON.stringify({ volume: 'data', source: `${b}.yaml`, idmap: web })}]`;
  const read = await parseSystemManifest(text);
  t.throws(() => deriveSystem(read, both), {
    message: `cannot use manifest.yaml: web comes from ${'c'.repeat(64)}.yaml, but ${b}.yaml replaces it`,
  });
  const foreign = await manifest([target('hostfs')], { product: 'other', update_type: 'partial' });
  const mixed = await parseSystemManifest(`[${line('hostfs', 'c'.repeat(64), {})},${line('web', a, {})}]`);
  const own = await manifest([target('web')]);
  t.throws(
    () =>
      deriveSystem(
        mixed,
        new Map([
          [sha('a'), own],
          [sha('c'), foreign],
        ]),
      ),
    {
      message: 'cannot use manifest.yaml: it mixes the products default and other',
    },
  );
  const second = await manifest([target('hostfs')]);
  t.throws(
    () =>
      deriveSystem(
        mixed,
        new Map([
          [sha('a'), own],
          [sha('c'), second],
        ]),
      ),
    {
      message: 'cannot use manifest.yaml: it mixes several complete manifests',
    },
  );
  t.throws(() => deriveSystem({ targets: [], volumes: [] }, new Map()), {
    message: 'cannot use manifest.yaml: it names no manifest',
  });
});

test('ids that the host gave to somebody are refused where the host says so', async (t) => {
  const { system, sources } = await machine();
  t.throws(() => deriveSystem(system, sources, [{ start: 170_000, count: 1 }]), {
    message: 'cannot use manifest.yaml: the ids from 165536 of the nsgroup web belong to the host',
  });
});

test('a system manifest in YAML as a person would write it is read too', async (t) => {
  const read = await parseSystemManifest(`- name: hostfs\n  source: ${a}.yaml\n`);
  t.deepEqual(read, { targets: [{ name: 'hostfs', source: a }], volumes: [] } as never);
  await t.throwsAsync(parseSystemManifest(`- name: hostfs\n  sauce: ${a}.yaml\n`), {
    message: 'cannot use manifest.yaml: line 1: [0].source is missing; line 2: [0].sauce is not known here',
  });
});
