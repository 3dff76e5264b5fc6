import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { promisify } from 'node:util';
import type { ExecutionContext } from 'ava';
import type { Host } from '../../pkg/host/index.ts';
import { linuxHost } from '../../pkg/host/linux/index.ts';
import { parseManifestSha, renderSystemManifest, type ServiceName } from '../../pkg/manifest/index.ts';
import {
  commitGeneration,
  lockState,
  moveRoles,
  type NewGeneration,
  openState,
  type Role,
  readRoles,
  type State,
} from '../../pkg/state/index.ts';

/** A generation with one manifest of the given text: enough for a package that doesn't look into it. */
export function content(text: string, given: Partial<NewGeneration> = {}): NewGeneration {
  const bytes = Buffer.from(text);
  const sha = parseManifestSha(createHash('sha256').update(bytes).digest('hex'));
  const file = {
    bytes,
    signature: Buffer.from(`signature of ${text}`),
    certificate: Buffer.from('-----BEGIN…'),
  };
  return {
    system: renderSystemManifest({ targets: [{ name: 'hostfs' as ServiceName, source: sha }], volumes: [] }),
    files: new Map([[sha, file]]),
    summary: `hostfs ${text}`,
    trailers: [
      ['Release', '1'],
      ['Security-Version', '0'],
      ['Reason', 'test'],
    ],
    ...given,
  };
}

export const locked = (host: Host, state: State) => lockState(host, state, { owner: 'test', wait: 0 });

/** Commits and switches a role to it, as an operation does. */
export async function advance(host: Host, state: State, text: string, role: Role = 'current', given = {}) {
  await using lock = await locked(host, state);
  const made = await commitGeneration(host, lock, content(text, given));
  await moveRoles(host, lock, [{ role, from: (await readRoles(host, state))[role], to: made.commit }]);
  return made;
}

/** The clock stands still unless a test moves it. */
export function withClock(start: string): { readonly host: Host; set(time: string): void } {
  let now = new Date(start);
  const clock = { ...linuxHost.clock, now: () => now };
  return {
    host: { ...linuxHost, clock },
    set: (time) => {
      now = new Date(time);
    },
  };
}

export const stateIn = (folder: string): State => openState(`${folder}/config`);

/** A state of the test's own; in memory, because these tests wait for nothing but the disk otherwise. */
export async function temporaryState(t: ExecutionContext): Promise<State> {
  const folder = await mkdtemp(`${existsSync('/dev/shm') ? '/dev/shm' : tmpdir()}/mos-state-`);
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  return stateIn(folder);
}

/** Real git as a person would run it there, whatever that person's own configuration is. */
export async function git(state: State, ...argv: string[]): Promise<string> {
  const env = {
    PATH: process.env.PATH,
    LC_ALL: 'C',
    HOME: '/nonexistent',
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_CONFIG_GLOBAL: '/dev/null',
  };
  const { stdout } = await promisify(execFile)('git', ['-c', 'safe.directory=*', ...argv], {
    cwd: state.repository,
    env,
  });
  return stdout.trimEnd();
}
