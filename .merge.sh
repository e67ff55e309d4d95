set -e
git rebase -q main
npx biome ci . 2>&1 | grep -v "npm warn" | tail -2
npx tsc --noEmit 2>&1 | grep -v npm || true
npm run -s layers 2>&1 | grep -E "^(Tests|FAIL)|●" 
flock /work/wt/.merge.lock git -C /work/main merge --ff-only preflight 2>&1 | tail -1
