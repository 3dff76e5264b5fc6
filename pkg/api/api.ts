import type { Integrity } from '../atomfs/index.ts';
import type { Host } from '../host/index.ts';
import { openState } from '../state/index.ts';
import {
  log,
  machinePaths,
  type ServiceGrant,
  type StatusResult,
  serviceGrants,
  status,
} from '../system/index.ts';
import { type Audit, openAudit } from './audit.ts';
import { fresh } from './fresh.ts';
import { type Jobs, openJobs } from './jobs/index.ts';

export type ApiOptions = {
  readonly root: string;
  /** The manifest CA of the command line; callers can't choose one. */
  readonly ca?: string | undefined;
  readonly builtAt: Date;
  /** How layers are checked that are mounted for who calls; default verity. */
  readonly integrity?: Integrity | undefined;
  /** In place of a reboot of this machine, where it is none. */
  readonly reboot?: (() => Promise<void>) | undefined;
  /** Of this program, for the support bundle. */
  readonly version?: string | undefined;
  /** Lines for the journal. */
  readonly tell?: (line: string) => void;
};

/** What the routes work with. Ends with `await using`: what is at work is stopped first. */
export type Api = AsyncDisposable & {
  readonly host: Host;
  readonly options: ApiOptions;
  /** `<config>/mos/api` */
  readonly folder: string;
  readonly jobs: Jobs;
  readonly audit: Audit;
  status(): Promise<StatusResult>;
  /** What services may do; none where it can't be verified. */
  grants(): Promise<readonly ServiceGrant[]>;
  /** Counted since the daemon began, for /metrics. */
  readonly counts: Map<string, number>;
};

/** A program that a killed daemon was just starting has its locks until it is started, in milliseconds. */
export const daemonWait = 1000;

export async function openApi(host: Host, options: ApiOptions): Promise<Api> {
  const { root, ca } = options;
  const paths = await machinePaths(host, root);
  const state = openState(paths.config);
  const folder = `${state.records}/api`;
  await host.files.makeFolder(folder, { parents: true, mode: 0o700 });
  // Two would each say of the jobs of the other that nobody is at work on them, and tear the log of calls apart.
  const alone = await host.files.lock(`${folder}/daemon.lock`, { wait: daemonWait, owner: 'mosctl serve' });
  const audit = await openAudit(host, folder);
  const jobs = await openJobs(host, `${folder}/jobs`, () => newestGeneration(host, root), options.tell);
  const refs = ['current', 'next', 'good'].map((name) => `${state.git}/refs/mos/${name}`);
  const places = [
    ...refs,
    `${state.git}/packed-refs`,
    state.records,
    `${state.records}/upgrade/record.json`,
    `${paths.run}/booted.json`,
    // Which images are there.
    `${paths.store}/mos/index.json`,
    `${paths.store}/mos/blobs/sha256`,
  ];
  const believed = [paths.manifestCa, paths.serverCertificate, ...(ca === undefined ? [] : [ca])];
  const look = async (): Promise<string> => {
    const marks = await Promise.all([...places, ...believed].map((path) => markOf(host, path)));
    const mounts = (await host.mounts.table()).map(({ id, target }) => `${id} ${target}`);
    return [...marks, ...mounts].join('\n');
  };
  return {
    host,
    options,
    folder,
    jobs,
    audit,
    status: fresh(look, () => status(host, { root, ca })),
    grants: fresh(look, () => serviceGrants(host, { root, ca }).catch(() => [])),
    counts: new Map(),
    async [Symbol.asyncDispose]() {
      await jobs.stop();
      await audit[Symbol.asyncDispose]();
      await alone[Symbol.asyncDispose]();
    },
  };
}

/** Changes whenever the file does: nobody can set ctime back. */
export async function markOf(host: Host, path: string): Promise<string> {
  const stat = await host.files.stat(path);
  return stat === undefined ? '-' : `${stat.inode} ${stat.ctimeMs} ${stat.size}`;
}

/** null where nothing is installed, or where it can't be told. */
async function newestGeneration(host: Host, root: string): Promise<number | null> {
  try {
    return (await log(host, { root, most: 1 }))[0]?.generation ?? null;
  } catch {
    return null;
  }
}
