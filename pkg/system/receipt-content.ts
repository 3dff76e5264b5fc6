import { createHash } from 'node:crypto';
import { MosError } from '../errors/index.ts';
import type { QuotedPcrs } from '../trust/index.ts';

type Images = Readonly<Record<string, string>>;

/** What a machine says of one of its generations. Digests are `sha256:…`, by the names of the targets. */
export type ReceiptContent = {
  readonly product: string;
  readonly serial: string;
  readonly generation: number;
  readonly release: number | null;
  readonly madeAt: string;
  readonly issuedAt: string;
  readonly verdict: 'good' | 'bad' | null;
  readonly reason: string | null;
  /** Of the generation before; empty where there was none. */
  readonly before: Images;
  readonly after: Images;
  /** What the TPM of the machine says beside it; left out where it has none. */
  readonly tpm?: QuotedPcrs;
};

const statementType = 'https://in-toto.io/Statement/v1';
/** A tag URI (RFC 4151): a name, and no address that somebody would have to keep. */
const predicateType = 'tag:machine.local,2026:mos/generation/v1';

/** The bytes that are signed: an in-toto statement whose subjects are the images of the generation. */
export const renderStatement = (predicate: ReceiptContent): Uint8Array =>
  Buffer.from(
    JSON.stringify({
      _type: statementType,
      subject: Object.entries(predicate.after).map(([name, digest]) => ({
        name,
        digest: { sha256: digest.slice(digest.indexOf(':') + 1) },
      })),
      predicateType,
      predicate,
    }),
    'utf8',
  );

/** What a TPM is asked to quote about: all that the receipt says besides. */
export function quotedAbout({ tpm: _, ...rest }: ReceiptContent): Buffer {
  return createHash('sha256').update(renderStatement(rest)).digest();
}

const isText = (value: unknown): boolean =>
  typeof value === 'string' && value.length <= 1000 && !/[\p{C}\u2028\u2029]/u.test(value);
const isNumber = (value: unknown): boolean => Number.isSafeInteger(value) && (value as number) >= 0;
const isTime = (value: unknown): boolean =>
  typeof value === 'string' && /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/.test(value);
const isImages = (value: unknown): boolean =>
  typeof value === 'object' &&
  value !== null &&
  Object.entries(value).every(
    ([name, digest]) => /^[a-z0-9][a-z0-9._-]{0,62}$/.test(name) && /^sha256:[0-9a-f]{64}$/.test(digest),
  );

const isBase64 = (value: unknown): boolean =>
  typeof value === 'string' && value.length < 2000 && /^[A-Za-z0-9+/]+={0,2}$/.test(value);
function isQuote(value: unknown): boolean {
  const { key, attested, signature, pcrs } = { ...(value as Partial<QuotedPcrs>) };
  return (
    typeof key === 'string' &&
    /^-----BEGIN PUBLIC KEY-----\n[A-Za-z0-9+/=\n]{1,1000}-----END PUBLIC KEY-----\n$/.test(key) &&
    isBase64(attested) &&
    isBase64(signature) &&
    typeof pcrs === 'object' &&
    Object.entries(pcrs).every(([pcr, hex]) => /^(1?\d|2[0-3])$/.test(pcr) && /^[0-9a-f]{64}$/.test(hex))
  );
}

const checks: Readonly<Record<keyof Required<ReceiptContent>, (value: unknown) => boolean>> = {
  product: isText,
  serial: isText,
  generation: isNumber,
  release: (value) => value === null || isNumber(value),
  madeAt: isTime,
  issuedAt: isTime,
  verdict: (value) => value === null || value === 'good' || value === 'bad',
  reason: (value) => value === null || isText(value),
  before: isImages,
  after: isImages,
  tpm: (value) => value === undefined || isQuote(value),
};

/** Also what a machine signed is checked: it may be in wrong hands, and what it says is shown on a terminal. */
export function parseStatement(payload: Uint8Array, name: string): ReceiptContent {
  const cannot = (why: string) => new MosError('invalid', `cannot read the receipt ${name}: ${why}`);
  const statement = parseJson(payload);
  if (statement?._type !== statementType || statement.predicateType !== predicateType)
    throw cannot('it states something else');
  const predicate = (statement.predicate ?? {}) as ReceiptContent;
  for (const [key, isGood] of Object.entries(checks))
    if (!isGood(predicate[key as keyof ReceiptContent])) throw cannot(`its ${key} is malformed`);
  return predicate;
}

function parseJson(payload: Uint8Array): Readonly<Record<string, unknown>> | undefined {
  try {
    const value = JSON.parse(Buffer.from(payload).toString('utf8'));
    return typeof value === 'object' && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}
