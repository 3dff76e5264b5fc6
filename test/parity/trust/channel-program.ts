// Reads release channels from stdin and says what becomes of each: run by Node and by the compiled executable, the answers must be the same.
import { MosError } from '../../../pkg/errors/index.ts';
import { parseReleaseIndex } from '../../../pkg/manifest/index.ts';
import { readMetadata, type TufRole } from '../../../pkg/trust/channel/metadata.ts';
import { parseAnchors, readChannel } from '../../../pkg/trust/index.ts';
import { Refusal } from '../../../pkg/trust/refusals.ts';

export type ChannelVector =
  | {
      readonly kind: 'channel';
      readonly anchors: string;
      readonly product: string;
      readonly at: string;
      readonly files: Readonly<Record<string, string>>;
      /** Of each root: certificate and signature. */
      readonly endorsed: Readonly<Record<string, readonly [string, string]>>;
    }
  | { readonly kind: 'metadata'; readonly role: TufRole; readonly bytes: string }
  | { readonly kind: 'index'; readonly bytes: string };

const bytesOf = (text: string): Buffer => Buffer.from(text, 'base64');

async function answer(vector: ChannelVector): Promise<unknown> {
  if (vector.kind === 'metadata')
    return (await readMetadata(vector.role, bytesOf(vector.bytes), 'it')).toJSON();
  if (vector.kind === 'index') return parseReleaseIndex(bytesOf(vector.bytes));
  const { anchors, product, at, files, endorsed } = vector;
  const source = {
    read: async (file: string) => (Object.hasOwn(files, file) ? bytesOf(files[file] ?? '') : undefined),
    endorsements: async (file: string) => {
      const [certificate, signature] = endorsed[file] ?? [];
      return {
        certificates: certificate === undefined ? [] : [bytesOf(certificate)],
        signatures: signature === undefined ? [] : [bytesOf(signature)],
        revocations: [],
      };
    },
  };
  const { trust: _, ...read } = await readChannel(source, undefined, {
    ...{ name: 'it', channel: 'machine/stable', product, keep: async () => {} },
    time: { now: new Date(at), builtAt: new Date(0) },
    endorsedBy: { anchors: parseAnchors(bytesOf(anchors), 'ca.pem'), revoked: [] },
  });
  return read;
}

async function main(): Promise<void> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of process.stdin) chunks.push(chunk as Uint8Array);
  const answers: unknown[] = [];
  for (const vector of JSON.parse(Buffer.concat(chunks).toString()) as ChannelVector[])
    try {
      answers.push(await answer(vector));
    } catch (error) {
      const isOurs = error instanceof MosError || error instanceof Refusal;
      answers.push(isOurs ? `refused: ${error.message}` : `untyped: ${error}`);
    }
  process.stdout.write(JSON.stringify(answers));
}

main();
