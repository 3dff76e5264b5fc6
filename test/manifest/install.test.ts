import test from 'ava';
import { parseInstallManifest, renderInstallManifest } from '../../pkg/manifest/index.ts';

const hex = (character: string) => character.repeat(64);

/** The document of the reference's docs/manifest.md as its Go program writes it, with the storage of a later version. */
const reference =
  '{"version":1,"product":"default","storage":null,"targets":[' +
  '{"service_name":"zot","version":"1.0.0","service_type":"container","network":{"type":"simple","ipv4":"10.0.3.99/24",' +
  `"ipv6":"","ports":[{"host":80,"container":5000}]},"nsgroup":"zot","digest":"sha256:${hex('3')}","storage":null,"size":7290},` +
  '{"service_name":"hostfs","version":"v0.0.19.231225","service_type":"hostfs","network":{"type":"host","ipv4":"","ipv6":"",' +
  `"ports":null},"nsgroup":"","digest":"sha256:${hex('9')}","storage":null,"size":7288},` +
  '{"service_name":"bootkit","version":"1.0.0","service_type":"fs-only","network":{"type":"host","ipv4":"","ipv6":"",' +
  `"ports":null},"nsgroup":"","digest":"sha256:${hex('8')}","storage":null,"size":1637}],"update_type":"complete"}`;

const bytes = (text: string) => new TextEncoder().encode(text);
const textOf = (content: Uint8Array) => new TextDecoder().decode(content);

test('a manifest as the reference writes it is read and rendered to the same bytes', async (t) => {
  const { manifest, unknown } = await parseInstallManifest(bytes(reference));
  t.deepEqual(unknown, []);
  t.is(textOf(renderInstallManifest(manifest)), reference);
});

const full =
  '{"version":1,"product":"de6c82c5-2e01-4c92-949b-a6545d30fc06",' +
  '"storage":[{"label":"zot-data","persistent":true,"nsgroup":"zot","size":30720}],"targets":[' +
  '{"service_name":"zot","version":"1 \\u003cb\\u003e \\u0026","service_type":"container","network":{"type":"simple","ipv4":"",' +
  '"ipv6":"fd6d:6f73:3::99/64","ports":[{"host":53,"container":53,"protocol":"udp"}]},"nsgroup":"zot",' +
  `"digest":"sha256:${hex('3')}","storage":[{"dest":"/zot","label":"zot-data"}],"size":7290,"depends_on":["db"],` +
  '"health":{"http":{"port":5000,"path":"/v2/"},"interval":5},"resources":{"memory":512,"cpu":150,"disk":64},"restart":"always",' +
  '"environment":{"A":"1","__proto__":"x"},"integrity":"verity","read_only":true,' +
  '"capabilities":["net_raw"],"devices":["/dev/net/tun"],"api_role":"reader"}],"update_type":"partial","release":7,"security_version":2,' +
  '"not_after":"2027-01-31T00:00:00Z","must_understand":["integrity","not_after"]}';

test('our optional fields stand at the end of their object', async (t) => {
  const { manifest } = await parseInstallManifest(bytes(full));
  t.is(textOf(renderInstallManifest(manifest)), full);
  t.is(manifest.storage[0]?.size, 30720);
  t.deepEqual(Object.keys(manifest.targets[0]?.environment ?? {}), ['A', '__proto__']);
});

test('a YAML document with the same content is the same manifest', async (t) => {
  const yaml = `
version: 1
product: default
storage:
targets:
  - {service_name: zot, version: 1.0.0, service_type: container, nsgroup: zot, size: 7290, digest: "sha256:${hex('3')}",
     network: {type: simple, ipv4: 10.0.3.99/24, ports: [{host: 80, container: 5000}]}}
  - {service_name: hostfs, version: v0.0.19.231225, service_type: hostfs, size: 7288, digest: "sha256:${hex('9')}", network: {type: host}}
  - {service_name: bootkit, version: 1.0.0, service_type: fs-only, size: 1637, digest: "sha256:${hex('8')}", network: {type: host}}
update_type: complete
`;
  const { manifest } = await parseInstallManifest(bytes(yaml));
  t.is(textOf(renderInstallManifest(manifest)), reference);
});

test('unknown fields are tolerated and named', async (t) => {
  const text = reference
    .replace('"product"', '"colour":"red","product"')
    .replace('"type":"simple"', '"type":"simple","vlan":3');
  const { manifest, unknown } = await parseInstallManifest(bytes(text));
  t.deepEqual(unknown, ['colour', 'targets[0].network.vlan']);
  t.is(textOf(renderInstallManifest(manifest)), reference);
});

const refuses = test.macro({
  exec: async (t, from: string | RegExp, to: string, why: string) => {
    const text = reference.replace(from, to);
    t.not(text, reference);
    await t.throwsAsync(parseInstallManifest(bytes(text)), {
      message: `cannot use the install manifest: ${why}`,
    });
  },
  title: (_, from, to) => `${JSON.stringify(to)} in place of ${String(from)} is refused`,
});
test(refuses, '"version":1,', '"version":1,"version":1,', 'the key "version" stands twice in an object');
test(refuses, '"host":80', '"host":80,"ho\\u0073t":81', 'the key "host" stands twice in an object');
test(refuses, /^.*$/, '', 'it is empty');
test(refuses, /^.*$/, '# nothing\n', 'it is empty');
test(refuses, '"version":1,', '"version":2,', 'its version is 2, this program knows version 1');
test(refuses, '"version":1,', '"version":"1",', 'version must be a whole number from 1 to 1');
test(refuses, '"version":1,', '', 'version is missing');
test(refuses, '"complete"', '"total"', 'update_type must be complete or partial');
test(refuses, ',"update_type":"complete"', '', 'update_type is missing');
test(
  refuses,
  '"container","network"',
  '"vm","network"',
  'targets[0].service_type must be hostfs, container or fs-only',
);
test(refuses, '"simple"', '"cni"', 'targets[0].network.type must be host, none or simple');
test(refuses, '"service_name":"zot",', '', 'targets[0].service_name is missing');
test(
  refuses,
  '"service_name":"zot"',
  '"service_name":"bootkit"',
  'targets[2].service_name is bootkit for the second time',
);
test(refuses, hex('3'), hex('3').slice(1), 'targets[0].digest must be sha256: and 64 lower-case hex digits');
test(refuses, hex('3'), hex('A'), 'targets[0].digest must be sha256: and 64 lower-case hex digits');
test(refuses, '"size":7290', '"size":-1', 'targets[0].size must be a whole number of at least 1');
test(
  refuses,
  '"host":80',
  '"host":80.5',
  'targets[0].network.ports[0].host must be a whole number from 1 to 65535',
);
test(
  refuses,
  '"host":80',
  '"host":65536',
  'targets[0].network.ports[0].host must be a whole number from 1 to 65535',
);
test(
  refuses,
  '10.0.3.99/24',
  '10.0.3.999/24',
  'targets[0].network.ipv4 must be an IPv4 address like 10.0.3.99/24',
);
test(refuses, /"targets":\[.*\]/, '"targets":null', 'targets must name at least one target');
test(refuses, /"targets":\[.*\]/, '"targets":{}', 'targets must be a list');
test(refuses, /^.*$/, '[]', 'must be a mapping');
test(refuses, /^.*$/, 'null', 'it is empty');
test(
  refuses,
  '"complete"',
  '"complete","must_understand":["geofence","integrity"]',
  'must_understand[0] names geofence, which restricts and which this program does not know',
);
const named = 'targets[0].service_name must be 1 to 63 of a-z 0-9 . _ - and begin with a letter or digit';
for (const bad of [
  '../x',
  'a/b',
  'a\\nb',
  'a\\u0000b',
  'Zot',
  '',
  '.',
  '-x',
  'a..b',
  'a b',
  'é',
  'x'.repeat(64),
])
  test(refuses, '"service_name":"zot"', `"service_name":"${bad}"`, named);
const storage = (label: string) =>
  `"storage":[{"label":"${label}","persistent":true,"nsgroup":"none","size":1}],"targets"`;
const labelled = 'storage[0].label must be 1 to 36 of A-Z a-z 0-9 . _ - and begin with a letter or digit';
for (const bad of ['../x', 'a\\nb', 'a\\u0007', 'x'.repeat(37), '..'])
  test(refuses, '"storage":null,"targets"', storage(bad), labelled);
for (const reserved of ['esp', 'machine-config', 'machine-store', 'machine-scratch', 'pbf', 'sbf'])
  test(
    refuses,
    '"storage":null,"targets"',
    storage(reserved),
    `storage[0].label must not be ${reserved}: the machine's own partition has that name`,
  );
for (const bad of ['relative', '/', '/a/../b', '/a/..', '/a/./b', '/a//b', '/a/', '/a\\nb', '/a\\u0000'])
  test(
    refuses,
    '"storage":null,"size":7290',
    `"storage":[{"dest":"${bad}","label":"data"}],"size":7290`,
    'targets[0].storage[0].dest must be an absolute path without "." or ".." and other than /',
  );
test(refuses, '"1.0.0"', '"1\\u001b[31m"', 'targets[0].version must be 1 to 128 printable ASCII characters');
test(
  refuses,
  '"product":"default"',
  '"product":"a\\nb"',
  'product must be 1 to 128 of A-Z a-z 0-9 . _ - and begin with a letter or digit',
);
test(
  refuses,
  '"size":7290',
  '"size":7290,"environment":{"A":"1\\n2"}',
  'targets[0].environment.A must be text without control characters',
);
test(
  refuses,
  '"size":7290',
  '"size":7290,"health":{"interval":1}',
  'targets[0].health must have exactly one of exec, http, tcp',
);

test('all problems are told in one error', async (t) => {
  const text = reference.replace('"complete"', '"total"').replace('"host":80', '"host":0');
  await t.throwsAsync(parseInstallManifest(bytes(text)), {
    message:
      'cannot use the install manifest: targets[0].network.ports[0].host must be a whole number from 1 to 65535; ' +
      'update_type must be complete or partial',
  });
});

test('bytes that are no text, and text that is no document, are refused', async (t) => {
  await t.throwsAsync(parseInstallManifest(Uint8Array.of(0xff, 0xfe)), {
    message: 'cannot use the install manifest: it is not UTF-8 text',
  });
  await t.throwsAsync(parseInstallManifest(bytes('{"version":1,\n"version":1')), {
    message: /^cannot use the install manifest: line 2: /,
  });
});
