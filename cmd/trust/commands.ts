import type { Program } from '../cli/command.ts';
import { keysetAdd } from './keyset-add.ts';
import { keysetList } from './keyset-list.ts';
import { keysetShow } from './keyset-show.ts';
import { projectAdd } from './project-add.ts';
import { projectList } from './project-list.ts';
import { sudiAdd } from './sudi-add.ts';
import { sudiList } from './sudi-list.ts';

export const trust: Program = {
  name: 'trust',
  summary: 'Makes and keeps the keys that machines believe, and signs with them.',
  groups: {
    keyset: 'all keys and certificates of one vendor',
    project: 'a product of a keyset, and the key that signs its manifests',
    sudi: 'identity certificates of machines',
  },
  commands: [keysetList, keysetAdd, keysetShow, projectList, projectAdd, sudiList, sudiAdd],
};
