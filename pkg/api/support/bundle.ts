import { isMosError, messageOf } from '../../errors/index.ts';
import { type Host, readText } from '../../host/index.ts';
import {
  listUpdateHolds,
  log,
  machinePaths,
  ps,
  status,
  updateSettings,
  updatesStatus,
} from '../../system/index.ts';
import { readAudit } from '../audit.ts';
import { renderTar, type TarText } from './tar.ts';

export type SupportOptions = {
  readonly root: string;
  readonly ca?: string | undefined;
  /** Of this program. */
  readonly version: string;
};

type Part = (host: Host, options: SupportOptions) => Promise<unknown>;

/** Lines of the journal, and calls of the log. */
const mostLines = 5000;
const mostCalls = 10_000;

/** Texts as they are, else JSON. What services say, their environment, keys and credentials are in none of them. */
const parts: Readonly<Record<string, Part>> = {
  'status.json': (host, { root, ca }) => status(host, { root, ca }),
  'history.json': (host, { root }) => log(host, { root }),
  'services.json': (host, { root }) => ps(host, { root }),
  'updates.json': async (host, { root }) => ({
    status: await updatesStatus(host, { root }),
    settings: await updateSettings(host, { root }),
    ...(await listUpdateHolds(host, { root })),
  }),
  'audit.json': async (host, { root }) => readAudit(host, await apiFolder(host, root), mostCalls),
  'jobs.json': readJobs,
  'mounts.json': (host) => host.mounts.table(),
  'space.json': async (host, { root }) => {
    const { config, store } = await machinePaths(host, root);
    return { config: await host.files.space(config), store: await host.files.space(store) };
  },
  'versions.json': versions,
  'journal.txt': (host) =>
    said(host, 'journalctl', '--no-pager', '-q', '-o', 'short-iso', '-n', String(mostLines), '_COMM=mosctl'),
};

const apiFolder = async (host: Host, root: string): Promise<string> =>
  `${(await machinePaths(host, root)).config}/mos/api`;

async function readJobs(host: Host, { root }: SupportOptions): Promise<unknown> {
  const folder = `${await apiFolder(host, root)}/jobs`;
  const names = await host.files.list(folder).catch(() => []);
  const jobs = names.filter((name) => /^[0-9a-f]{16}\.json$/.test(name));
  return Promise.all(jobs.map(async (name) => JSON.parse(await readText(host, `${folder}/${name}`))));
}

/** Of what the program calls. */
const programs: readonly (readonly [string, ...string[]])[] = [
  ['git', '--version'],
  ['lxc-start', '--version'],
  ['nft', '--version'],
  ['systemctl', '--version'],
];

async function versions(host: Host, { version }: SupportOptions): Promise<unknown> {
  const told = await Promise.all(
    programs.map(
      async (argv) => [argv[0], (await said(host, ...argv).catch(messageOf)).split('\n')[0]] as const,
    ),
  );
  const { architecture } = host.machine;
  return {
    mosctl: version,
    ...{ architecture, kernel: await host.machine.kernelRelease(), bootId: await host.machine.bootId() },
    time: host.clock.now().toISOString(),
    programs: Object.fromEntries(told),
  };
}

const said = async (host: Host, ...argv: readonly [string, ...string[]]): Promise<string> =>
  Buffer.from((await host.processes.query(argv, { timeout: 30_000 })).stdout).toString('utf8');

/** What somebody needs who helps from afar, as a tar file; what can't be had says why in its place. */
export async function supportBundle(host: Host, options: SupportOptions): Promise<string> {
  const files = await Promise.all(
    Object.entries(parts).map(async ([name, read]): Promise<TarText> => {
      try {
        const value = await read(host, options);
        return { name, text: typeof value === 'string' ? value : `${JSON.stringify(value, null, 2)}\n` };
      } catch (error) {
        const code = isMosError(error) ? `${error.code}: ` : '';
        return { name: `${name}.missing.txt`, text: `${code}${messageOf(error)}\n` };
      }
    }),
  );
  return renderTar(
    files.map(({ name, text }) => ({ name: `mos-support/${name}`, text })),
    host.clock.now(),
  );
}
