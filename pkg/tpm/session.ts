import { createHash, createPublicKey, randomBytes } from 'node:crypto';
import type { TpmDevice } from '../host/index.ts';
import { algorithms, nameOf, renderPcrSelection, renderVerifyingKey } from './areas.ts';
import { ask, commandCodes, handles } from './command.ts';
import { none, sized, u8, u16, u32 } from './wire.ts';

const policySession = 1;
const equal = 0;

/** A policy as it was signed: by whom (PEM), the signature, and the version that index 0x1500020 must say, if it asks for one. */
export type SignedPolicy = {
  readonly key: Uint8Array;
  readonly digest: Uint8Array;
  readonly signature: Uint8Array;
  readonly version?: { readonly index: number; readonly value: string };
};

/** A session that is flushed whatever happens; `meet` brings it to what an index asks for. */
export class PolicySession implements AsyncDisposable {
  readonly handle: number;
  readonly #tpm: TpmDevice;

  private constructor(tpm: TpmDevice, handle: number) {
    this.#tpm = tpm;
    this.handle = handle;
  }

  static async start(tpm: TpmDevice): Promise<PolicySession> {
    const { handle } = await ask(tpm, 'begin a session', {
      name: 'startAuthSession',
      handles: [handles.null, handles.null],
      parameters: [
        ...[sized(randomBytes(16)), sized(none), u8(policySession)],
        ...[u16(algorithms.null), u16(algorithms.sha256)],
      ],
      returnsHandle: true,
    });
    return new PolicySession(tpm, handle);
  }

  /** PolicyPCR (7), PolicyNV where the policy asks for a version, PolicyAuthorize by its key. Good for one command. */
  async meet(policy: SignedPolicy): Promise<void> {
    await this.#policy('policyPcr', [sized(none), renderPcrSelection([7])]);
    if (policy.version) await this.#compare(policy.version.index, Buffer.from(policy.version.value));
    await this.#authorize(policy);
  }

  /** Only this command, with nothing else asked for. */
  async meetCommand(command: 'nvRead'): Promise<void> {
    await this.#policy('policyCommandCode', [u32(commandCodes[command])]);
  }

  async #policy(
    name: 'policyPcr' | 'policyAuthorize' | 'policyCommandCode',
    parameters: readonly Uint8Array[],
  ) {
    await ask(this.#tpm, 'meet a policy', { name, handles: [this.handle], parameters });
  }

  async #compare(index: number, value: Uint8Array): Promise<void> {
    await ask(this.#tpm, 'compare the policy version', {
      name: 'policyNv',
      handles: [index, index, this.handle],
      authorization: { password: '' },
      parameters: [sized(value), u16(0), u16(equal)],
    });
  }

  async #authorize({ key, digest, signature }: SignedPolicy): Promise<void> {
    const area = renderVerifyingKey(createPublicKey(Buffer.from(key)));
    const loaded = await ask(this.#tpm, 'load the key of a policy', {
      name: 'loadExternal',
      parameters: [sized(none), sized(area), u32(handles.owner)],
      returnsHandle: true,
    });
    try {
      const { parameters: ticket } = await ask(this.#tpm, 'verify the signature of a policy', {
        name: 'verifySignature',
        handles: [loaded.handle],
        parameters: [
          sized(createHash('sha256').update(digest).digest()),
          ...[u16(algorithms.rsassa), u16(algorithms.sha256), sized(signature)],
        ],
      });
      const noReference = sized(none);
      await this.#policy('policyAuthorize', [sized(digest), noReference, sized(nameOf(area)), ticket.rest()]);
    } finally {
      await flush(this.#tpm, loaded.handle);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await flush(this.#tpm, this.handle);
  }
}

export async function flush(tpm: TpmDevice, handle: number): Promise<void> {
  await ask(tpm, 'unload a key or session', { name: 'flushContext', handles: [handle] });
}
