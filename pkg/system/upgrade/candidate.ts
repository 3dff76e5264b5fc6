import { MosError } from '../../errors/index.ts';
import type { Host } from '../../host/index.ts';
import { parseReference, type Reference } from '../../oci/index.ts';
import { pinReference } from '../pin-reference.ts';
import type { UpdateSettings } from './settings.ts';

/** What a source offers now. */
export type Candidate = {
  readonly version: string;
  /** Of the install manifest. */
  readonly digest: string;
  /** By that digest. */
  readonly reference: Reference;
  /** Milliseconds of the epoch; undefined: as soon as it is seen. */
  readonly turn: number | undefined;
};

/** Asks the source; undefined where it offers nothing. */
export async function findCandidate(
  host: Host,
  { source }: UpdateSettings,
  signal: AbortSignal | undefined,
): Promise<Candidate | undefined> {
  if (source === null)
    throw new MosError('state', 'cannot look for updates: nobody has said where', {
      hint: 'mosctl update settings --source REF, or POST /v1/updates/settings',
    });
  const tag = parseReference(source.reference);
  const { reference, digest } = await pinReference(host, tag, { plainHttp: source.plainHttp, signal });
  return { version: source.reference, digest, reference, turn: undefined };
}
