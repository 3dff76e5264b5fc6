import type { Program } from '../cli/command.ts';
import { apiCaAdd } from './api-ca-add.ts';
import { apiClientAdd, apiClientRevoke } from './api-client.ts';
import { computePcr7 } from './compute-pcr7.ts';
import { extendPcr7 } from './extend-pcr7.ts';
import { keysetAdd } from './keyset-add.ts';
import { keysetList } from './keyset-list.ts';
import { keysetPcr7data } from './keyset-pcr7data.ts';
import { keysetShow } from './keyset-show.ts';
import { projectAdd } from './project-add.ts';
import { projectList } from './project-list.ts';
import { projectRevoke } from './project-revoke.ts';
import { signEfi } from './sign-efi.ts';
import { sudiAdd } from './sudi-add.ts';
import { sudiList } from './sudi-list.ts';
import { ticketAdd } from './ticket-add.ts';
import { tpmPolicyGen } from './tpm-policy-gen.ts';
import { tufKeysAdd, tufKeysRotate, tufKeysShow } from './tuf-keys.ts';
import { verifyEfi } from './verify-efi.ts';

export const trust: Program = {
  name: 'trust',
  summary: 'Makes and keeps the keys that machines believe, and signs with them.',
  groups: {
    keyset: 'all keys and certificates of one vendor',
    project: 'a product of a keyset, and the key that signs its manifests',
    sudi: 'identity certificates of machines',
    ticket: 'permissions to go back',
    'api-ca': 'who may call machines',
    'api-client': 'certificates to call machines with',
    'tuf-keys': 'keys of the roles that sign release channels',
    sign: 'signatures to make',
    verify: 'signatures to check',
  },
  commands: [
    keysetList,
    keysetAdd,
    keysetShow,
    keysetPcr7data,
    projectList,
    projectAdd,
    projectRevoke,
    sudiList,
    sudiAdd,
    ticketAdd,
    apiCaAdd,
    apiClientAdd,
    apiClientRevoke,
    tufKeysAdd,
    tufKeysRotate,
    tufKeysShow,
    signEfi,
    verifyEfi,
    computePcr7,
    tpmPolicyGen,
    extendPcr7,
  ],
};
