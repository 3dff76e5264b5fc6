import { type FileHandle, open } from 'node:fs/promises';
import { MosError } from '../../errors/index.ts';
import type { TpmDevice } from '../devices.ts';
import { translated } from './errors.ts';

/** The kernel's resource manager: each opened file has keys and sessions of its own. */
const node = '/dev/tpmrm0';
/** TPM2_PT_MAX_RESPONSE_SIZE of real ones is 4096. */
const largestAnswer = 4096;

export async function openTpm(): Promise<TpmDevice> {
  const file = await openNode();
  return {
    async send(command) {
      return translated('ask', 'the TPM', async () => {
        await file.write(command, 0, command.length, null);
        const answer = new Uint8Array(largestAnswer);
        const { bytesRead } = await file.read(answer, 0, answer.length, null);
        return answer.subarray(0, bytesRead);
      });
    },
    [Symbol.asyncDispose]: () => file.close(),
  };
}

async function openNode(): Promise<FileHandle> {
  try {
    return await open(node, 'r+');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT')
      return translated('open', node, () => Promise.reject(error));
    throw new MosError('unsupported', `cannot use the TPM: there is no ${node}`, {
      hint: 'switch it on in the firmware',
    });
  }
}
