import test from 'ava';
import type { Host } from '../../../pkg/host/index.ts';
import { linuxHost } from '../../../pkg/host/linux/index.ts';
import type { Architecture } from '../../../pkg/manifest/index.ts';
import { parseDigest, parseReference } from '../../../pkg/oci/index.ts';
import {
  changeSettings,
  install,
  log,
  parseChannel,
  updateCommand,
  updatesStatus,
} from '../../../pkg/system/index.ts';
import { editIndex } from '../../../pkg/system/release/edit.ts';
import { openPublishing } from '../../../pkg/system/release/publishing.ts';
import { makeRoot } from '../../helpers/machine.ts';
import { openDesk } from '../../helpers/release.ts';
import { addImage, addProduct, builtAt, publishRelease } from '../../helpers/vendor.ts';

// Whoever has the keys of a channel can say anything of manifests: a machine compares it with what the manifests say.

type Offered = { release: number; manifest: string; arch?: Architecture };

async function openLiar(t: Parameters<typeof openDesk>[0]) {
  const desk = await openDesk(t);
  const { vendor } = desk;
  const name = `zot:${vendor.repository}:machine/stable`;
  await desk.trust('tuf-keys', 'add', 'acme');
  await addProduct(vendor, 'other');
  const publishAs = async (
    release: number,
    project = 'default',
  ): Promise<{ reference: string; digest: string }> => {
    const image = await addImage(vendor, `host${release}`, { 'etc/release': `${release}` });
    const target = `{service_name: hostfs, source: "${image}", version: "${release}", service_type: hostfs}`;
    const { reference, digest } = await publishRelease(vendor, {
      manifest: `update_type: complete\nrelease: ${release}\ntargets: [${target}]\n`,
      ...{ name: `machine/stable:1.${release}.0`, project },
    });
    return { reference, digest };
  };
  const root = await makeRoot(t, vendor);
  const { reference } = await publishAs(1);
  await install(linuxHost, { root, builtAt, reference: parseReference(reference), access: {} }, () => {});
  const source = { kind: 'channel', reference: name, plainHttp: false, acceptExpired: false } as const;
  await changeSettings(linuxHost, { root, source });
  return {
    ...{ root, publishAs },
    /** The index names this, signed by all keys that it takes. */
    async offer({ release, manifest, arch = 'amd64' }: Offered): Promise<void> {
      const options = {
        ...{ keyset: 'acme', project: 'default', keys: vendor.keys, access: {}, builtAt },
        channel: parseChannel(name, '/'),
      };
      {
        await using p = await openPublishing(desk.call.host, options, () => {});
        const version = `${release}`;
        const one = { version, release, manifest: parseDigest(manifest), arch, waves: [] };
        await editIndex(p, (index) => ({ ...index, releases: [one] }));
      }
      await desk.release('sign', name);
    },
    /** What the machine says to it, as whichever kind it is. */
    async take(architecture: string): Promise<string> {
      const host: Host = {
        ...linuxHost,
        clock: desk.call.host.clock,
        machine: { ...linuxHost.machine, architecture },
      };
      await updateCommand(host, 'refresh', { root, builtAt }, () => {});
      try {
        return (await updateCommand(host, 'prepare', { root, builtAt }, () => {})).update_state;
      } catch {
        return (await updatesStatus(host, { root })).last_failure?.stderr ?? '';
      }
    },
  };
}

const lies: Readonly<
  Record<
    string,
    {
      readonly offer: (own: string, foreign: string) => Offered;
      readonly on?: string;
      readonly says: RegExp;
    }
  >
> = {
  nothing: { offer: (manifest) => ({ release: 2, manifest }), says: /^Staged$/ },
  'a higher release number': {
    offer: (manifest) => ({ release: 3, manifest }),
    says: /^cannot take zot:\S+: it is release 2, and the release index says 3$/,
  },
  'another processor': {
    offer: (manifest) => ({ release: 2, manifest, arch: 'arm64' }),
    on: 'aarch64',
    says: /^cannot use the image of hostfs: it is for amd64, and the release index says arm64$/,
  },
  'another product': {
    offer: (_, manifest) => ({ release: 2, manifest }),
    says: /product/,
  },
  'a manifest that is nowhere': {
    offer: () => ({ release: 2, manifest: `sha256:${'1'.repeat(64)}` }),
    says: /^cannot find .*sha256:1{64}/,
  },
};

for (const [name, { offer, on = 'x86_64', says }] of Object.entries(lies))
  test(`a machine takes nothing from an index that lies: ${name}`, async (t) => {
    const liar = await openLiar(t);
    const own = (await liar.publishAs(2)).digest;
    const foreign = (await liar.publishAs(2, 'other')).digest;
    await liar.offer(offer(own, foreign));
    t.regex(await liar.take(on), says);
    t.is((await log(linuxHost, { root: liar.root })).length, 1);
  });
