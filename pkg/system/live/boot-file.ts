import { buildUki, onEsp, renderLoaderSettings } from '../../esp/index.ts';
import { folderOf, writeAtomic } from '../../host/index.ts';
import { closedCommandLine } from '../bootkit/command-line.ts';
import { writeEnrolment } from '../bootkit/enrolment.ts';
import { certificateOf, readParts, signFor } from '../bootkit/parts.ts';
import { type Making, pinOf } from './making.ts';
import { renderPin, renderRoot } from './pinned.ts';

export const liveBootFile = `${onEsp.bootFiles}/live.efi`;

/** What firmware starts, as the files of an ESP. */
export async function makeBootFile(c: Making): Promise<void> {
  const { host, options, work } = c;
  const { keyset, loader, purpose, repo } = options;
  const pin = pinOf(c);
  const parts = await readParts(host, options, 'make a live medium');
  const ca = await certificateOf(host, keyset, 'manifest-ca');
  const network = repo === undefined ? {} : { network: { registryCa: options.access.registryCa } };
  const initrd = await options.initrd(ca, { live: renderPin(pin), ...network });
  const commandLine = [options.commandLine, renderRoot(pin)].filter((one) => one !== undefined).join(' ');
  const esp = `${work}/esp`;
  for (const folder of [folderOf(onEsp.loader), onEsp.bootFiles, onEsp.entries, onEsp.keys])
    await host.files.makeFolder(`${esp}/${folder}`, { parents: true });
  await writeAtomic(
    host,
    `${work}/unsigned.efi`,
    buildUki({ ...parts, initrd, commandLine: closedCommandLine(commandLine) }),
  );
  c.signer = await signFor(host, keyset, `uki-${purpose}`, `${work}/unsigned.efi`, `${esp}/${liveBootFile}`);
  await signFor(host, keyset, 'uefi-db', loader, `${esp}/${onEsp.loader}`);
  await writeEnrolment(host, keyset, `${work}/keys`);
  for (const name of (await host.files.list(`${work}/keys`)).filter((one) => one.endsWith('.auth')))
    await host.files.rename(`${work}/keys/${name}`, `${esp}/${onEsp.keys}/${name}`);
  const settings = renderLoaderSettings(options.enrol ? 'force' : 'manual');
  await writeAtomic(host, `${esp}/${onEsp.settings}`, settings);
  const entry = `title mos live system\nsort-key mos\nefi /${liveBootFile}\n`;
  await writeAtomic(host, `${esp}/${onEsp.entries}/live.conf`, entry);
}
