import test from 'ava';
import {
  parseImportFile,
  parseServiceName,
  renderInstallManifest,
  toInstallManifest,
} from '../../pkg/manifest/index.ts';
import { parseDigest } from '../../pkg/oci/index.ts';

const file = `version: 1
product: default
update_type: complete
storage:
  - label: zot-data
    persistent: true
    nsgroup: zot
    size: 30G
targets:
  - service_name: hostfs
    source: oci:images:hostfs
    version: 1.0
    service_type: hostfs
    nsgroup: none
  - service_name: zot
    source: docker://zothub.io/machine/bootkit/demo-zot:0.0.4-squashfs
    version: 1.0.0
    service_type: container
    nsgroup: zot
    network:
      type: simple
      ipv4: 10.0.3.99/24
      ports:
        - host: 80
          container: 5000
    storage:
      - dest: /zot
        label: zot-data
`;

test('an import file becomes an install manifest', async (t) => {
  const read = await parseImportFile(file, 'manifest.yaml');
  const image = (character: string, size: number) => ({
    digest: parseDigest(`sha256:${character.repeat(64)}`),
    size,
  });
  const images = new Map([
    [parseServiceName('hostfs'), image('a', 1)],
    [parseServiceName('zot'), image('b', 2)],
  ]);
  t.is(
    new TextDecoder().decode(renderInstallManifest(toInstallManifest(read, images))),
    '{"version":1,"product":"default","storage":[{"label":"zot-data","persistent":true,"nsgroup":"zot","size":30720}],"targets":[' +
      '{"service_name":"hostfs","version":"1.0","service_type":"hostfs","network":{"type":"host","ipv4":"","ipv6":"","ports":null},' +
      `"nsgroup":"none","digest":"sha256:${'a'.repeat(64)}","storage":null,"size":1},` +
      '{"service_name":"zot","version":"1.0.0","service_type":"container","network":{"type":"simple","ipv4":"10.0.3.99/24","ipv6":"",' +
      '"ports":[{"host":80,"container":5000}]},"nsgroup":"zot",' +
      `"digest":"sha256:${'b'.repeat(64)}","storage":[{"dest":"/zot","label":"zot-data"}],"size":2}],"update_type":"complete"}`,
  );
});

test('a digest or size that the file states must be the one at the source', async (t) => {
  const digest = parseDigest(`sha256:${'c'.repeat(64)}`);
  const stated = file.replace(
    '    nsgroup: none\n',
    `    nsgroup: none\n    digest: ${digest}\n    size: 5\n`,
  );
  const read = await parseImportFile(stated, 'manifest.yaml');
  const images = (size: number) =>
    new Map([
      [parseServiceName('hostfs'), { digest, size }],
      [parseServiceName('zot'), { digest, size: 1 }],
    ]);
  t.is(toInstallManifest(read, images(5)).targets[0]?.size, 5);
  t.throws(() => toInstallManifest(read, images(6)), {
    message: 'cannot publish hostfs: oci:images:hostfs has size 6, the file says 5',
  });
});

const refuses = test.macro({
  exec: async (t, from: string, to: string, why: string) => {
    const text = file.replace(from, to);
    t.not(text, file);
    await t.throwsAsync(parseImportFile(text, 'dir/manifest.yaml'), {
      message: `cannot use dir/manifest.yaml: ${why}`,
    });
  },
  title: (_, from, to, why) => `${JSON.stringify(to)} in place of ${JSON.stringify(from)}: ${why}`,
});
test(
  refuses,
  '    service_type: hostfs\n',
  '    service_type: hostfs\n    api_role: reader\n',
  'line 14: targets[0].api_role must not be there for a hostfs',
);
test(
  refuses,
  'targets:\n',
  'targets:\n  - { service_name: web, source: "oci:images:web", version: 1.0, service_type: container, nsgroup: zot, network: { type: none }, api_role: reader }\n',
  'line 16: targets[2].api_role must be that of web, reader: they share the nsgroup zot',
);
test(refuses, 'persistent: true', 'persistant: true', 'line 6: storage[0].persistant is not known here');
test(
  refuses,
  '      type: simple',
  '      type: bridged',
  'line 21: targets[1].network.type must be host, none or simple',
);
test(refuses, 'targets:\n', '---\ntargets:\n', 'line 9: a second document begins, and it must be one');
test(refuses, 'update_type: complete\n', '', 'line 1: update_type is missing');
test(
  refuses,
  'update_type: complete',
  'update_type: full',
  'line 3: update_type must be complete or partial',
);
test(refuses, 'version: 1\n', 'version: 3\n', 'its version is 3, this program knows version 1');
test(
  refuses,
  'size: 30G',
  'size: 30X',
  'line 8: storage[0].size must be a size like 30G, or a number of MiB',
);
test(refuses, 'size: 30G', 'size: 0', 'line 8: storage[0].size must be a size like 30G, or a number of MiB');
test(
  refuses,
  'label: zot-data',
  'label: esp',
  "line 5: storage[0].label must not be esp: the machine's own partition has that name",
);
test(
  refuses,
  'service_name: zot',
  'service_name: hostfs',
  'line 15: targets[1].service_name is hostfs for the second time; line 18: targets[1].service_type must be hostfs for the target hostfs',
);
test(
  refuses,
  '    nsgroup: zot\n    size',
  '    nsgroup: others\n    size',
  'line 28: targets[1].storage[0].label is zot-data, whose nsgroup is others and not zot',
);
test(
  refuses,
  '        label: zot-data',
  '        label: zot-dat',
  'line 28: targets[1].storage[0].label is zot-dat, which storage lacks',
);
test(
  refuses,
  '    nsgroup: zot\n    network',
  '    network',
  'line 15: targets[1].nsgroup is missing: a container names its group, or none for the ids of the host',
);
test(
  refuses,
  'nsgroup: none',
  'nsgroup: ops',
  'line 14: targets[0].nsgroup must be none for what the machine boots from',
);
test(
  refuses,
  '10.0.3.99/24',
  '10.0.4.99/24',
  'line 22: targets[1].network.ipv4 is 10.0.4.99/24, which is not in the network of the bridge 10.0.3.1/24',
);
test(
  refuses,
  '10.0.3.99/24',
  '10.0.3.1',
  'line 22: targets[1].network.ipv4 is 10.0.3.1, which the bridge needs itself',
);
test(
  refuses,
  '          container: 5000',
  '          container: 5000\n        - {host: 80, container: 1}',
  'line 26: targets[1].network.ports[1].host is 80/tcp, which zot has already',
);
test(
  refuses,
  'type: simple',
  'type: host',
  'line 20: targets[1].network must not have addresses or ports with type host',
);
test(
  refuses,
  '    storage:',
  '    depends_on: [db]\n    storage:',
  'line 26: targets[1].depends_on[0] is db, which is no target',
);
test(
  refuses,
  '    storage:',
  '    depends_on: [zot]\n    storage:',
  'line 26: targets[1].depends_on goes in a circle: zot → zot',
);
test(
  refuses,
  'oci:images:hostfs',
  'oci:images',
  'line 11: targets[0].source is refused: cannot use "oci:images" as a reference: the form is oci:DIR:TAG',
);
test(refuses, 'product: default', 'product: default\nproduct: other', 'line 3: Map keys must be unique');
test(
  refuses,
  'service_type: container',
  'service_type: fs-only',
  'line 20: targets[1].network must not be simple for a fs-only',
);

test('ports of different protocols do not conflict, and circles are found over several targets', async (t) => {
  const both = file.replace(
    '          container: 5000',
    '          container: 5000\n        - {host: 80, container: 1, protocol: udp}',
  );
  t.is((await parseImportFile(both, 'f')).targets[1]?.network.ports.length, 2);
  const circle = file
    .replace('    nsgroup: none\n', '    nsgroup: none\n    depends_on: [zot]\n')
    .replace('    storage:', '    depends_on: [hostfs]\n    storage:');
  await t.throwsAsync(parseImportFile(circle, 'f'), {
    message: 'cannot use f: line 15: targets[0].depends_on goes in a circle: hostfs → zot → hostfs',
  });
});

test('aliases that stand for too much are refused', async (t) => {
  const lines = ['a0: &a0 x'];
  for (let i = 1; i < 9; i++)
    lines.push(
      `a${i}: &a${i} [${Array(9)
        .fill(`*a${i - 1}`)
        .join(', ')}]`,
    );
  await t.throwsAsync(parseImportFile(lines.join('\n'), 'm.yaml'), {
    code: 'invalid',
    message: 'cannot use m.yaml: its aliases stand for too much',
  });
});

test('what is nested deeper than it can mean is refused in words of ours', async (t) => {
  for (const text of ['['.repeat(100_000), '- '.repeat(100_000)])
    await t.throwsAsync(parseImportFile(text, 'm.yaml'), {
      code: 'invalid',
      message: 'cannot use m.yaml: line 1: it is nested too deeply',
    });
});
