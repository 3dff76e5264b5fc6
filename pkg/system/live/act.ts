import { MosError } from '../../errors/index.ts';
import { type Host, readText, writeAtomic } from '../../host/index.ts';
import { parseReference } from '../../oci/index.ts';
import type { Report } from '../../steps/index.ts';
import type { AcceptanceTime } from '../../trust/index.ts';
import { Undo } from '../../undo/index.ts';
import {
  type DiskInstallOptions,
  type DiskInstallResult,
  installOnDisk,
  readLayout,
} from '../disk-install/index.ts';
import { type Provisioned, type ProvisionOptions, passphraseForInstall, provision } from '../tpm/index.ts';
import { chooseOnly, installCandidates } from './choose-disk.ts';
import { mountSeed, readInstallSeed, seedLabels } from './seeds.ts';

/** FORMATS 8: what `/mos-action` of a live system says. */
export const liveActions = ['livecd', 'provision', 'install'] as const;
export type LiveAction = (typeof liveActions)[number];

export type LiveActOptions = {
  /** Partitions, where the seed names none: JSON, as in layouts/disks. */
  readonly layout: string;
  readonly builtAt: Date;
  readonly signal?: AbortSignal | undefined;
};

export type LiveActResult = {
  readonly action: LiveAction;
  readonly provisioned: Provisioned | null;
  readonly installed: DiskInstallResult | null;
};

/** By it the live system knows that it is to restart the machine. */
const installedMark = '/run/mos/live-installed';
const actionFile = '/mos-action';
const policies = '/factory/secure/pcr7data';

/**
 * Does what the live system is for, as the disks beside it say: provisions by trust-data, installs by inst-data. All that
 * can be refused is refused before the first of both. Without a seed nothing is touched.
 */
export async function actLive(host: Host, options: LiveActOptions, report: Report): Promise<LiveActResult> {
  const action = parseAction(await readText(host, actionFile));
  const result = { action, provisioned: null, installed: null };
  if (action === 'livecd') return result;
  await using held = new Undo();
  const trust = await mountSeed(host, seedLabels.trust, held, { wait: action === 'provision' });
  if (action === 'provision') {
    if (trust === undefined) throw noSeed(seedLabels.trust, 'with cert.pem and privkey.pem');
    return { ...result, provisioned: await provisionBy(host, trust, options, report) };
  }
  const seed = await mountSeed(host, seedLabels.install, held, { wait: true });
  if (seed === undefined) throw noSeed(seedLabels.install, 'with url.txt');
  const install = await planInstall(host, seed, options);
  if (trust !== undefined && install.unencrypted)
    throw new MosError(
      'usage',
      'cannot act: inst-data says unencrypted, and trust-data would make secrets for encrypted partitions',
      {
        hint: 'take one of the two away',
      },
    );
  // Before it is provisioned nothing could be encrypted; what else can be refused is the same.
  await installOnDisk(host, { ...install, isProvisionedLater: trust !== undefined, plan: true }, report);
  const done = await installBy(host, install, trust, options, report);
  await writeAtomic(host, installedMark, '');
  return { action, ...done };
}

/** With an identity the install is a part of provisioning: a power cut anywhere in both leaves what the next run does again. */
async function installBy(
  host: Host,
  install: DiskInstallOptions,
  trust: string | undefined,
  options: LiveActOptions,
  report: Report,
): Promise<Omit<LiveActResult, 'action'>> {
  const now = { ...install, yes: true };
  if (trust === undefined) return { provisioned: null, installed: await installOnDisk(host, now, report) };
  let installed: DiskInstallResult | null = null;
  const provisioned = await provisionBy(host, trust, options, report, async ({ product }) => {
    installed = await installOnDisk(host, { ...now, product, goesOn: true }, report);
  });
  return { provisioned, installed };
}

function parseAction(text: string): LiveAction {
  const action = liveActions.find((one) => one === text.trim());
  if (action !== undefined) return action;
  throw new MosError('invalid', `cannot act by ${actionFile}: it must be one of ${liveActions.join(', ')}`);
}

const noSeed = (label: string, what: string): MosError =>
  new MosError('not-found', `cannot act: there is no disk with the label ${label}`, {
    hint: `connect one ${what}`,
  });

function provisionBy(
  host: Host,
  seed: string,
  { builtAt }: LiveActOptions,
  report: Report,
  beforeOwned?: ProvisionOptions['beforeOwned'],
): Promise<Provisioned> {
  const time: AcceptanceTime = { now: host.clock.now(), builtAt };
  const pair = { certificate: `${seed}/cert.pem`, key: `${seed}/privkey.pem` };
  return provision(
    host,
    { ...pair, policies, passphraseFile: passphraseForInstall, beforeOwned, time },
    report,
  );
}

async function planInstall(host: Host, at: string, options: LiveActOptions): Promise<DiskInstallOptions> {
  const { reference: text, disk, layout, registryCa, unencrypted } = await readInstallSeed(host, at);
  const reference = parseReference(text);
  if (reference.kind === 'registry') await waitForNetwork(host);
  return {
    reference,
    disk: disk ?? chooseOnly(await installCandidates(host)),
    layout: await readLayout(host, layout, options.layout),
    unencrypted,
    access: { registryCa, signal: options.signal },
    builtAt: options.builtAt,
  };
}

/** systemd's own deadline; what is not there then, the registry's client says. */
async function waitForNetwork(host: Host): Promise<void> {
  await host.processes
    .run(['systemctl', 'start', 'network-online.target'], { timeout: 150_000 })
    .catch((error) => {
      if (!(error instanceof MosError)) throw error;
    });
}
