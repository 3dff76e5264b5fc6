import { copyFileSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { linuxHost } from '../../pkg/host/linux/index.ts';
import { parseReference } from '../../pkg/oci/index.ts';
import {
  type InstallResult,
  install,
  machinePaths,
  type OperationPlan,
  type UpdateResult,
  umount,
  update,
} from '../../pkg/system/index.ts';
import { temporaryFolder } from './folder.ts';
import type { Owner } from './registries/process.ts';
import { builtAt, type Vendor } from './vendor.ts';

/** A root directory with the vendor's CA in it and nothing else. */
export async function makeRoot(t: Owner, vendor: Vendor): Promise<string> {
  const root = join(await temporaryFolder(t), 'root');
  mkdirSync(join(root, 'factory/secure'), { recursive: true });
  copyFileSync(vendor.ca, join(root, 'factory/secure/manifestCA.pem'));
  const { run } = await machinePaths(linuxHost, root); // now: a test may spoil the root
  t.teardown(() => linuxHost.files.removeTree(run));
  return root;
}

/** A root directory for tests that mount: afterwards nothing of it is mounted. */
export async function makeMountRoot(t: Owner, vendor: Vendor): Promise<string> {
  const root = await makeRoot(t, vendor);
  t.teardown(async () => void (await umount(linuxHost, { root, all: true })));
  return root;
}

type Options = { readonly plan?: boolean; readonly product?: string; readonly ca?: string };

const incoming = (root: string, reference: string, options: Options) => ({
  root,
  reference: parseReference(reference),
  access: {},
  builtAt,
  ...options,
});

const isPlan = (result: object): result is OperationPlan => 'operation' in result;

export async function installFrom(
  root: string,
  reference: string,
  options: Options = {},
): Promise<InstallResult> {
  const result = await install(linuxHost, incoming(root, reference, options), () => {});
  if (isPlan(result)) throw new Error('a plan is no install');
  return result;
}

export async function updateFrom(
  root: string,
  reference: string,
  options: Options = {},
): Promise<UpdateResult> {
  const result = await update(linuxHost, incoming(root, reference, options), () => {});
  if (isPlan(result)) throw new Error('a plan is no update');
  return result;
}

export async function planFrom(
  operation: typeof install | typeof update,
  root: string,
  reference: string,
): Promise<OperationPlan> {
  const result = await operation(linuxHost, incoming(root, reference, { plan: true }), () => {});
  if (!isPlan(result)) throw new Error('it was done');
  return result;
}
