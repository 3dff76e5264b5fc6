import { isMosError, messageOf } from '../../errors/index.ts';
import type { Host } from '../../host/index.ts';
import type { ImageSource, Repository } from '../../oci/index.ts';
import type { MachineIdentity, Registry } from '../../registry/index.ts';
import type { Report } from '../../steps/index.ts';
import { readSudiAnchors } from '../../trust/index.ts';
import type { Machine } from '../machine.ts';
import {
  openRepositories,
  type Place,
  type RegistryAccess,
  type Repositories,
  targetsRepository,
} from '../places.ts';
import { type MirroredSource, mirrored } from './mirrored.ts';
import { type Pace, usualPace } from './pace.ts';
import { parseMirror, readMirrors } from './settings.ts';

/** Repositories, with the mirrors of a machine before them. */
export type MirroredRepositories = Repositories & {
  /** The images of all targets, by their digests. */
  images(place: Place): Promise<ImageSource & Partial<MirroredSource>>;
  /** The origin's repository; where nobody answers there, what `read` makes of a mirror's of the same name. */
  anywhere<T>(place: Place, repository: string, read: (from: Repository) => Promise<T>): Promise<T>;
};

export async function openMirrored(
  host: Host,
  machine: Machine,
  access: RegistryAccess,
  report: Report,
): Promise<MirroredRepositories> {
  const addresses = [...(access.mirrors ?? []), ...(await readMirrors(host, machine))];
  const pace = { ...usualPace, ...access.pace };
  const origins = openRepositories(host, access);
  const mirrors = addresses.length === 0 ? [] : await connectAll(host, machine, addresses, access, pace);
  const named = (name: string): Repository[] => mirrors.map((mirror) => mirror.repository(name));
  return {
    open: origins.open,
    async images(place) {
      const origin = await origins.open(place, targetsRepository);
      if (place.kind !== 'registry' || mirrors.length === 0) return origin;
      return mirrored(origin, named(targetsRepository), { pace, clock: host.clock, report });
    },
    async anywhere(place, repository, read) {
      try {
        return await read(await origins.open(place, repository));
      } catch (error) {
        const isUnreachable = isMosError(error, 'network') || isMosError(error, 'timeout');
        if (place.kind !== 'registry' || !isUnreachable) throw error;
        for (const mirror of named(repository)) {
          const found = await read(mirror).catch((reason: unknown) =>
            notThere(reason, mirror, report, access),
          );
          if (found === undefined) continue;
          const note = `warning: ${messageOf(error)}; ${mirror.name} was asked in its place`;
          report({ kind: 'note', text: note });
          return found;
        }
        throw error;
      }
    },
    async [Symbol.asyncDispose]() {
      for (const mirror of mirrors) await mirror[Symbol.asyncDispose]();
      await origins[Symbol.asyncDispose]();
    },
  };
}

async function connectAll(
  host: Host,
  machine: Machine,
  addresses: readonly string[],
  { registryCa, signal }: RegistryAccess,
  pace: Pace,
): Promise<Registry[]> {
  const { connectRegistry } = await import('../../registry/index.ts');
  const options = {
    ...{ machine: await readIdentity(host, machine), attempts: 1, timeouts: pace },
    ...(registryCa === undefined ? {} : { ca: registryCa }),
    ...(signal === undefined ? {} : { signal }),
  };
  const distinct = [...new Set(addresses)];
  return Promise.all(distinct.map((address) => connectRegistry(host, parseMirror(address), options)));
}

function notThere(
  error: unknown,
  { name }: Repository,
  report: Report,
  { signal }: RegistryAccess,
): undefined {
  signal?.throwIfAborted();
  if (!isMosError(error)) throw error;
  report({ kind: 'note', text: `warning: the mirror ${name} is no help: ${messageOf(error)}` });
}

/** Shown to mirrors that are machines; one without an identity can read from open mirrors and registries. */
async function readIdentity(host: Host, { paths }: Machine): Promise<MachineIdentity | undefined> {
  const secure = `${paths.root === '/' ? '' : paths.root}/factory/secure`;
  const files = [paths.serverCertificate, `${secure}/server.key`];
  for (const file of files) if ((await host.files.stat(file)) === undefined) return undefined;
  const { source } = await readSudiAnchors(host, { root: paths.root });
  const [certificate = '', key = '', ca = ''] = await Promise.all(
    [...files, source].map(async (file) => Buffer.from(await host.files.read(file)).toString('latin1')),
  );
  return { certificate, key, ca };
}
