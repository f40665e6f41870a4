def test_the_browser_opens_a_page_and_runs_its_script(browser_page):
    browser_page.set_content("<p>one</p><script>document.querySelector('p').textContent = 'two'</script>")
    assert browser_page.inner_text("p") == "two"
