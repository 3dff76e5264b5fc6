import { type Host, writeRuntime } from '../../host/index.ts';
import { type ExecRequest, type Process, renderStarter, starterPlace } from '../../lxc/index.ts';
import type { ServiceFolder } from './record.ts';

/** Makes the program that starts a process with its groups, where LXC does not; undefined where it does. */
export async function makeStarter(
  host: Host,
  folder: ServiceFolder,
  process: Process,
  isMapped: boolean,
): Promise<string | undefined> {
  if (!isMapped || process.groups.length === 0) return undefined;
  await writeRuntime(host, folder.starter, renderStarter(host.machine.architecture, process), {
    mode: 0o755,
  });
  return folder.starter;
}

const isStarted = async (host: Host, { starter }: ServiceFolder): Promise<boolean> =>
  (await host.files.stat(starter)) !== undefined;

/** The words that a container is started with. */
export async function startWords(
  host: Host,
  folder: ServiceFolder,
  { argv, environment }: Process,
): Promise<readonly string[]> {
  if (!(await isStarted(host, folder))) return argv;
  return [starterPlace, ...(await foundProgram(host, folder, argv, environment))];
}

/** The same for a program that is run in it as the service. */
export async function asService(
  host: Host,
  folder: ServiceFolder,
  { environment, uid, gid }: Pick<Process, 'environment' | 'uid' | 'gid'>,
  argv: readonly string[],
): Promise<ExecRequest> {
  if (!(await isStarted(host, folder))) return { argv, uid, gid };
  const words = await foundProgram(host, folder, argv, environment);
  return { argv: [starterPlace, ...words], uid: 0, gid: 0 };
}

/** With the path of the program, which the starter does not look for (execvp(3)). */
async function foundProgram(
  host: Host,
  { rootfs }: ServiceFolder,
  [program = '', ...words]: readonly string[],
  environment: Process['environment'],
): Promise<string[]> {
  if (program.includes('/')) return [program, ...words];
  const found = await findProgram(host, rootfs, program, environment);
  return [found?.canRun ? found.path : program, ...words];
}

/** Where a program is in a root file system, by PATH where its name has no slash: the first that can be run, else the first. */
export async function findProgram(
  host: Host,
  rootfs: string,
  program: string,
  environment: Process['environment'],
): Promise<{ readonly path: string; readonly canRun: boolean } | undefined> {
  const folders = new Map(environment).get('PATH')?.split(':') ?? [];
  const paths = program.includes('/') ? [program] : folders.map((folder) => `${folder}/${program}`);
  const found: { path: string; canRun: boolean }[] = [];
  for (const path of paths) {
    const stat = await host.files.statBelow(rootfs, path.replace(/^\/+/, ''));
    if (stat !== undefined) found.push({ path, canRun: stat.type === 'file' && (stat.mode & 0o111) !== 0 });
  }
  return found.find(({ canRun }) => canRun) ?? found[0];
}
