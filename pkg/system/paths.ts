import { createHash } from 'node:crypto';
import type { Host } from '../host/index.ts';
import { beneath } from './beneath.ts';

/** Where the things of one machine lie (DESIGN "Directories on a machine"). Absolute, without a slash at the end. */
export type MachinePaths = {
  /** `/` or the folder given with --root. */
  readonly root: string;
  readonly config: string;
  /** The zot root; the targets are in its repository `mos`. */
  readonly store: string;
  readonly scratch: string;
  readonly manifestCa: string;
  readonly serverCertificate: string;
  /** Runtime state, lost at reboot. */
  readonly run: string;
  /** Where `mount` puts a target that was given no place. */
  readonly mounts: string;
  /** Where `activate` puts an fs-only target. */
  readonly files: string;
};

const storeNames = ['atomfs-cache', 'atomfs-store'] as const;
/** Of the machine itself, not of one below another root. */
export const runtimeFolder = '/run/mos';

/** The paths of the machine whose root is `root`; links stay below it. `/atomfs-store` is used when it exists and the other does not. */
export async function machinePaths(host: Host, root: string): Promise<MachinePaths> {
  const base = root === '/' ? '' : root;
  const store = await firstStore(host, base);
  return {
    root,
    config: await beneath(host, root, ['config']),
    store: await beneath(host, root, [store]),
    scratch: await beneath(host, root, ['scratch-writes']),
    manifestCa: `${base}/factory/secure/manifestCA.pem`,
    serverCertificate: `${base}/factory/secure/server.crt`,
    run: base === '' ? runtimeFolder : `${runtimeFolder}/roots/${await hashOfRoot(host, root)}`,
    mounts: `${base}/mnt/mos`,
    files: `${base}/mnt/atom`,
  };
}

async function firstStore(host: Host, base: string): Promise<string> {
  const [usual, other] = storeNames;
  if ((await host.files.stat(`${base}/${usual}`)) !== undefined) return usual;
  return (await host.files.stat(`${base}/${other}`)) === undefined ? usual : other;
}

/** Two ways to one folder share one runtime state. */
async function hashOfRoot(host: Host, root: string): Promise<string> {
  const real = (await host.files.stat(root)) === undefined ? root : await host.files.realPath(root);
  return createHash('sha256').update(real).digest('hex').slice(0, 32);
}

/** Until the last step of an install this file says which manifest is being installed. */
export const installMark = ({ config }: MachinePaths): string => `${config}/mos/install`;
