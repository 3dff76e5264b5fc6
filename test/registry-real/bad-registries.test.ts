import test from 'ava';
import { codeOf, messageOf } from '../../pkg/errors/index.ts';
import { linuxHost } from '../../pkg/host/linux/index.ts';
import { parseReference } from '../../pkg/oci/index.ts';
import { install } from '../../pkg/system/index.ts';
import { plain } from '../helpers/cli.ts';
import { makeRoot } from '../helpers/machine.ts';
import { type FaultProxy, startFaultProxy, startRegistry } from '../helpers/registries.ts';
import { treeOf } from '../helpers/tree.ts';
import { addImage, builtAt, makeVendor, publishRelease } from '../helpers/vendor.ts';

type Rule = Parameters<FaultProxy['spoil']>[0];

/** What an import leaves: its folders, and what it has of blobs that nothing names. */
const leftByImport = /^(atomfs-cache|config|config\/mos)(\/|$)/;
const always = 1000;
const layers = { method: 'GET', path: /^\/v2\/mos\/blobs\// } as const;
const documents = { method: 'GET', path: /\/manifests\// } as const;

/** Publishes, lets the registry go wrong, installs; compares error and root; then with a good registry it installs. */
const refused = test.macro({
  async exec(t, rule: Rule, code: string, message: string) {
    const registry = await startRegistry(t, { kind: 'referrers' });
    const proxy = await startFaultProxy(t, { upstream: registry });
    const vendor = await makeVendor(t);
    const source = await addImage(vendor, 'a', { a: Buffer.alloc(200_000, 'a') });
    const manifest = `update_type: complete\ntargets:\n  - {service_name: a, source: "${source}", version: "1", service_type: fs-only}\n`;
    const place = { kind: 'registry', registry: registry.host, scheme: 'http' } as const;
    await publishRelease(vendor, { manifest, place });
    const root = await makeRoot(t, vendor);
    const reference = parseReference(`http://${proxy.host}/machine/install:1.0.0`);
    const access = { timeouts: { connect: 2000, idle: 300, answer: 2000 } };
    const take = () => install(linuxHost, { root, reference, access, builtAt }, () => {});
    const before = treeOf(root, leftByImport);
    proxy.spoil(rule);
    const error = await t.throwsAsync(take());
    const words = plain(messageOf(error))
      .replaceAll(proxy.host, 'HOST')
      .replaceAll(/announces \d+ bytes in place of \d+/g, 'announces N bytes in place of M');
    t.deepEqual([codeOf(error), words], [code, message]);
    t.deepEqual(treeOf(root, leftByImport), before);
    proxy.reset();
    t.like(await take(), { generation: 1 });
  },
  title: (what) => `a registry that ${what} is told, and a good one ends the install`,
});

test(
  'sends wrong bytes',
  refused,
  { ...layers, times: always, fault: { kind: 'flip', at: 10 } },
  'corrupt',
  'cannot import the image of a: cannot accept the bytes of sha256:SHA: they hash to sha256:SHA',
);
test(
  'sends too many bytes',
  refused,
  { ...layers, times: always, fault: { kind: 'more', bytes: 10, announced: true } },
  'corrupt',
  'cannot import the image of a: cannot read HOST/mos@sha256:SHA: the registry announces N bytes in place of M',
);
test(
  'sends too few bytes',
  refused,
  { ...layers, times: always, fault: { kind: 'fewer', bytes: 10, announced: true } },
  'corrupt',
  'cannot import the image of a: cannot read HOST/mos@sha256:SHA: the registry announces N bytes in place of M',
);
test(
  'stalls',
  refused,
  { ...layers, times: always, fault: { kind: 'stall', after: 100 } },
  'timeout',
  'cannot import the image of a: cannot read HOST/mos@sha256:SHA: GET http://HOST/v2/mos/blobs/sha256:SHA: HOST sent nothing for 0.3 s',
);
for (const [status, code] of [
  [401, 'denied'],
  [403, 'denied'],
  [404, 'not-found'],
  [429, 'network'],
  [500, 'network'],
] as const)
  test(
    `answers ${status}`,
    refused,
    { ...documents, times: always, fault: { kind: 'status', status } },
    code,
    `cannot read HOST/machine/install:1.0.0: GET http://HOST/v2/machine/install/manifests/1.0.0 answered ${status}`,
  );

test(
  'redirects to a host that does not answer',
  refused,
  {
    ...layers,
    times: always,
    fault: { kind: 'status', status: 307, headers: { location: 'http://127.0.0.1:1/x' } },
  },
  'network',
  'cannot import the image of a: cannot read HOST/mos@sha256:SHA: GET http://127.0.0.1:1/x: 127.0.0.1:1 cannot be reached: it refuses the connection',
);
