// The theme switch and the copy buttons. Without this file every page reads and links the same.
const root = document.documentElement;
const key = 'theme';

function stored() {
  try {
    return localStorage.getItem(key);
  } catch {
    return null;
  }
}

function isDark() {
  const chosen = root.dataset.theme;
  return chosen ? chosen === 'dark' : matchMedia('(prefers-color-scheme: dark)').matches;
}

const chosen = stored();
if (chosen === 'light' || chosen === 'dark') {
  root.dataset.theme = chosen;
}

for (const button of document.querySelectorAll('.theme')) {
  const show = () => {
    button.textContent = isDark() ? 'Light' : 'Dark';
    button.setAttribute('aria-label', `Switch to the ${isDark() ? 'light' : 'dark'} theme`);
  };
  button.hidden = false;
  button.addEventListener('click', () => {
    root.dataset.theme = isDark() ? 'light' : 'dark';
    try {
      localStorage.setItem(key, root.dataset.theme);
    } catch {
      // Without storage the choice lasts for this page.
    }
    show();
  });
  show();
}

for (const block of document.querySelectorAll('.code')) {
  const text = block.querySelector('pre').innerText;
  const button = document.createElement('button');
  button.type = 'button';
  button.className = 'copy';
  button.textContent = 'Copy';
  button.addEventListener('click', async () => {
    try {
      await navigator.clipboard.writeText(text);
      button.textContent = 'Copied';
    } catch {
      button.textContent = 'Select and copy';
    }
    setTimeout(() => { button.textContent = 'Copy'; }, 2000);
  });
  block.append(button);
}
