import { messageOf } from '../pkg/errors/index.ts';
import { type Host, listIfThere, writeAtomic } from '../pkg/host/index.ts';
import type { Report } from '../pkg/steps/index.ts';

/** One kind of file that outlives a boot: the same place below /config and below the root. */
type Persistent = {
  readonly folder: string;
  readonly names: RegExp;
  readonly mode: number;
  readonly content?: RegExp;
};

/**
 * All that persists of /etc. /config is not signed, so nothing here may grant anything: an identity of the machine, its
 * host keys, its addresses. Other names, links and big files are left where they are.
 */
export const persistent: readonly Persistent[] = [
  { folder: '/etc', names: /^machine-id$/, mode: 0o444, content: /^[0-9a-f]{32}\n$/ },
  { folder: '/etc/ssh', names: /^ssh_host_[a-z0-9]+_key$/, mode: 0o600 },
  { folder: '/etc/ssh', names: /^ssh_host_[a-z0-9]+_key\.pub$/, mode: 0o644 },
  { folder: '/etc/systemd/network', names: /^[a-z0-9][a-z0-9._-]*\.network$/, mode: 0o644 },
];
const largest = 64 * 1024;

/**
 * Copies what persists from `config` into the new root. A file that cannot be brought is told and left out: the
 * machine is then as on its first boot, which is better than no boot.
 */
export async function bringPersistent(
  host: Host,
  config: string,
  root: string,
  report: Report,
): Promise<void> {
  for (const kind of persistent) {
    const from = `${config}${kind.folder}`;
    for (const name of (await listIfThere(host, from)).filter((one) => kind.names.test(one)))
      try {
        const content = await readSmall(host, `${from}/${name}`);
        if (kind.content && !kind.content.test(Buffer.from(content).toString('latin1')))
          throw new Error(`${from}/${name} does not have the form it must have`);
        const folder = await host.files.pathBelow(root, kind.folder);
        await writeAtomic(host, `${folder}/${name}`, content, { mode: kind.mode });
      } catch (error) {
        report({ kind: 'note', text: `left out: ${messageOf(error)}` });
      }
  }
}

async function readSmall(host: Host, path: string): Promise<Uint8Array> {
  const stat = await host.files.stat(path);
  if (stat?.type !== 'file' || stat.size > largest)
    throw new Error(`${path} is no file of at most ${largest} bytes`);
  return host.files.read(path);
}

/** A machine keeps the id of its first boot. `random` is 16 bytes. */
export async function makeMachineId(host: Host, config: string, random: Uint8Array): Promise<void> {
  const path = `${config}/etc/machine-id`;
  if ((await host.files.stat(path)) !== undefined) return;
  await host.files.makeFolder(`${config}/etc`, { parents: true });
  // machine-id(5): a UUID of version 4 without dashes
  const id = Buffer.from(random);
  id.writeUInt8((id.readUInt8(6) & 0x0f) | 0x40, 6);
  id.writeUInt8((id.readUInt8(8) & 0x3f) | 0x80, 8);
  await writeAtomic(host, path, `${id.toString('hex')}\n`, { mode: 0o444 });
}
