import { hintOf, MosError, messageOf } from '../pkg/errors/index.ts';
import { type Host, readTextIfThere } from '../pkg/host/index.ts';
import { linuxHost } from '../pkg/host/linux/index.ts';
import { writeErr } from '../pkg/host/linux/output/index.ts';
import type { Report } from '../pkg/steps/index.ts';
import { type BootUses, boot } from './boot.ts';
import { inInitrd } from './contents.ts';
import { bootLive, type LiveUses } from './live.ts';

/** The real initrd: preinit calls the executable by the name mos-initrd. */
export const start = (): Promise<number> => main(linuxHost, writeErr);

/** What runs between preinit and init. Returns the exit code; preinit says what happens after a failure. */
export async function main(host: Host, write: (text: string) => void): Promise<number> {
  const report: Report = (event) => {
    if (event.kind === 'step') write(`mos: ${event.name}\n`);
    if (event.kind === 'note') write(`mos: ${event.text}\n`);
  };
  try {
    await requireInitrd(host);
    const pin = await readTextIfThere(host, `/${inInitrd.live}`);
    if (pin === undefined) await boot(host, usesOf(host, report), report);
    else await bootLive(host, liveUsesOf(host, pin, report), report);
    return 0;
  } catch (error) {
    const hint = hintOf(error);
    write(`mos: ${messageOf(error)}\n${hint === undefined ? '' : `mos: ${hint}\n`}`);
    return 1;
  }
}

/** Only an initrd has a root of this type; elsewhere the steps would mount over a running machine. */
async function requireInitrd(host: Host): Promise<void> {
  const root = (await host.mounts.table()).find(({ target }) => target === '/');
  if (root?.fstype === 'rootfs' && host.machine.uid === 0) return;
  throw new MosError('usage', 'cannot boot: this is no initrd');
}

const usesOf = (host: Host, report: Report): BootUses => ({
  async releaseSecrets(policies) {
    const use = await import('../pkg/system/index.ts');
    return use.releaseSecrets(host, policies);
  },
  async recordProtection(release) {
    const use = await import('../pkg/system/index.ts');
    return use.recordProtection(host, release);
  },
  /** Always with dm-verity: whoever wants another mode must not find it in an initrd. */
  async mountRoot({ ca, target, started }) {
    const { createBootFs } = await import('../pkg/system/index.ts');
    const { generation, version } = await createBootFs(
      host,
      { root: '/', ca, dest: target, integrity: 'verity', started },
      report,
    );
    report({ kind: 'note', text: `generation ${generation}, hostfs ${version}` });
  },
});

const liveUsesOf = (host: Host, text: string, report: Report): LiveUses => ({
  async closeSecrets() {
    const use = await import('../pkg/system/index.ts');
    await use.closeSecrets(host);
  },
  async medium() {
    const use = await import('../pkg/system/index.ts');
    const pin = use.parsePin(text);
    const { label } = use.onMedium;
    return { label, at: use.mediumFolder, repo: pin.repo, root: use.renderRoot(pin), rootWord: use.rootWord };
  },
  async fetch({ ca, medium, registryCa }) {
    const use = await import('../pkg/system/index.ts');
    const { repo, ...pin } = use.parsePin(text);
    if (repo === undefined) throw new MosError('internal', 'cannot fetch what is on a medium');
    const bytes = await use.fetchLive(host, { ca, pin: { ...pin, repo }, registryCa, at: medium }, report);
    report({ kind: 'note', text: `${bytes} bytes of ${repo}, into memory` });
  },
  async mountRoot({ ca, medium, target }) {
    const use = await import('../pkg/system/index.ts');
    const repositories = `${medium}/${use.onMedium.repositories}`;
    const options = { ca, pin: use.parsePin(text), repositories, dest: target };
    const { reference, version } = await use.mountLiveRoot(host, options, report);
    report({ kind: 'note', text: `live system ${version} of ${reference}` });
  },
});
