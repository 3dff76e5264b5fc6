import { type Host, listIfThere, readTextIfThere, writeAtomic } from '../../host/index.ts';
import type { MachineTarget } from '../../manifest/index.ts';
import type { MachinePaths } from '../paths.ts';

/** A version of a service that did not become well, so that the one before went on; it outlives reboots. */
export type Hold = {
  readonly service: string;
  readonly version: string;
  readonly image: string;
  readonly definition: string;
  readonly reason: string;
  readonly time: string;
};

const holdsFolder = ({ config }: MachinePaths): string => `${config}/mos/holds`;
const holdFile = (paths: MachinePaths, service: string): string => `${holdsFolder(paths)}/${service}.json`;

export async function hold(
  host: Host,
  paths: MachinePaths,
  { name, target }: MachineTarget,
  definition: string,
  reason: string,
): Promise<void> {
  const time = host.clock.now().toISOString();
  const value: Hold = {
    ...{ service: name, version: target.version, image: target.digest },
    ...{ definition, reason, time },
  };
  await host.files.makeFolder(holdsFolder(paths), { parents: true });
  await writeAtomic(host, holdFile(paths, name), `${JSON.stringify(value)}\n`);
}

/** It runs now. */
export const forgetHold = (host: Host, paths: MachinePaths, service: string): Promise<void> =>
  host.files.remove(holdFile(paths, service));

/** All holds, or that of one service. */
export async function readHolds(host: Host, paths: MachinePaths, service?: string): Promise<Hold[]> {
  const names = await listIfThere(host, holdsFolder(paths));
  const texts = names
    .filter((name) => name.endsWith('.json') && (service === undefined || name === `${service}.json`))
    .map((name) => readTextIfThere(host, `${holdsFolder(paths)}/${name}`));
  return (await Promise.all(texts)).flatMap((text) => (text === undefined ? [] : [JSON.parse(text) as Hold]));
}
