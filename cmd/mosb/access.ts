import { MosError, Secret } from '../../pkg/errors/index.ts';
import type { Place, RegistryAccess } from '../../pkg/system/index.ts';
import { reading } from '../cli/common.ts';

/** Options of commands that write to a registry. */
export const writing = {
  ...reading,
  user: {
    kind: 'text',
    value: 'NAME',
    help: 'the user at the registry; without it the docker configuration is asked',
  },
  pass: { kind: 'secret', value: 'WORD', help: 'the password; better: --pass-stdin, or docker login' },
  passStdin: { kind: 'flag', help: 'read the password from stdin' },
} as const;

type Given = {
  readonly plainHttp: boolean;
  readonly registryCa: string | undefined;
  readonly user: string | undefined;
  readonly pass: Secret | undefined;
  readonly passStdin: boolean;
};

/** The access that the options name; the login is for the registry at `place`. */
export async function accessOf(
  options: Given,
  place: Place,
  signal: AbortSignal,
  readStdin: () => Promise<string>,
): Promise<RegistryAccess> {
  const { plainHttp, registryCa, user, pass, passStdin } = options;
  const base = { plainHttp, registryCa, signal };
  if (user === undefined && pass === undefined && !passStdin) return base;
  if (place.kind !== 'registry') throw new MosError('usage', 'cannot log in: no registry is written to');
  if (user === undefined) throw new MosError('usage', 'cannot log in: --user is missing');
  if (pass !== undefined && passStdin)
    throw new MosError('usage', 'cannot log in: give --pass or --pass-stdin, not both');
  // The reference reads stdin when only a user is given; so do we.
  const password = pass ?? new Secret(await readStdin());
  return { ...base, credentials: { registry: place.registry, user, password } };
}
