import { MosError, Secret } from '../../errors/index.ts';
import type { TpmDevice } from '../../host/index.ts';
import {
  changeAuth,
  clearOwners,
  type NvPublic,
  nvAttributes,
  readNvOfNobody,
  readNvPublic,
  readOwners,
  renderNvPublic,
} from '../../tpm/index.ts';
import { inTpm } from './layout.ts';
import { isWritten } from './provisioned.ts';

/**
 * Throws where the TPM is somebody's; returns what its owner hierarchy asks for. `kept` is the index of the admin
 * password, `again` the password of a machine that was provisioned before.
 */
export async function checkOwner(tpm: TpmDevice, kept: NvPublic, again?: Secret): Promise<Secret | ''> {
  const owners = await readOwners(tpm);
  if (owners.owner) {
    if (again === undefined) throw await ownedTpm(tpm);
    await changeAuth(tpm, 'owner', again, again); // proves it, and changes nothing
    return again;
  }
  if (again !== undefined) throw ownerless();
  // Only an interrupted run of ours leaves a password with nobody who knows it: it lies in its index.
  if ((owners.lockout || owners.endorsement) && !(await isKept(tpm, kept))) throw strangersTpm();
  return '';
}

async function isKept(tpm: TpmDevice, kept: NvPublic): Promise<boolean> {
  const area = await readNvPublic(tpm, kept.index);
  const written = { ...kept, attributes: kept.attributes | nvAttributes.written };
  return area !== undefined && renderNvPublic(area).equals(renderNvPublic(written));
}

async function ownedTpm(tpm: TpmDevice): Promise<MosError> {
  if (!(await isWritten(tpm, inTpm.layoutVersion.index))) return strangersTpm();
  return new MosError('exists', 'cannot provision this machine: it is provisioned already', {
    hint: 'with its admin password on stdin --again makes all its secrets anew: what its disks hold is lost then',
  });
}

const ownerless = (): MosError =>
  new MosError('state', 'cannot provision this machine again: its TPM has no owner', {
    hint: 'it was cleared, or the first run was interrupted: provision it without --again',
  });

const strangersTpm = (): MosError =>
  new MosError('state', 'cannot provision this machine: its TPM has an owner already', {
    hint: 'clear the TPM in the firmware',
  });

/**
 * Clears a TPM in which an interrupted run has set some of the passwords, by the one that it kept. That one is not used
 * any further: it looks the same where somebody who had the TPM before wrote it there.
 */
export async function takeBack(tpm: TpmDevice, kept: NvPublic): Promise<void> {
  const { owner, lockout, endorsement } = await readOwners(tpm);
  if (owner || !(lockout || endorsement)) return;
  const password = new Secret((await readNvOfNobody(tpm, kept)).toString('latin1'));
  try {
    await clearOwners(tpm, lockout ? password : '');
  } catch (cause) {
    if (!(cause instanceof MosError)) throw cause;
    const why = 'what an interrupted run has set in its TPM can not be taken back';
    throw new MosError('state', `cannot provision this machine: ${why}`, {
      hint: 'clear the TPM in the firmware',
      cause,
    });
  }
}
